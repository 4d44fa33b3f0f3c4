//! Listings on their way to a client that reads names in another charset than the disk has.
//!
//! The lines are translated between the broker's pipe and another one, from which they go the way of every listing: in
//! clear, compressed or encrypted. Memory is a piece and a line, whatever the listing's length.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::pipe::{PipeFlags, pipe_with};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use wharf_names::Translation;

use crate::watch::{watch, with_room};

/// What is read at once: as much as the broker writes at once.
const PIECE: usize = 64 * 1024;

/// The longest line that is kept together: a pathname and its facts are far shorter.
const LONGEST: usize = 64 * 1024;

/// Gives the pipe from which a listing comes as its client reads it.
///
/// # Errors
/// When there can be no more pipes.
pub(crate) fn translated(listing: Arc<OwnedFd>, names: Translation) -> io::Result<Arc<OwnedFd>> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    let listing = watch(listing, Interest::READABLE)?;
    tokio::task::spawn_local(async move { translate(&listing, &writer, names).await });
    Ok(Arc::new(reader))
}

/// Ends with the listing, or when nobody wants it any more.
async fn translate(listing: &AsyncFd<Arc<OwnedFd>>, writer: &OwnedFd, names: Translation) {
    let (mut piece, mut held, mut wire) = (vec![0; PIECE], Vec::new(), Vec::new());
    loop {
        let read =
            listing.async_io(Interest::READABLE, |pipe| Ok(rustix::io::read(pipe, &mut *piece)?)).await;
        let Ok(read) = read else { return };
        held.extend_from_slice(piece.get(..read).unwrap_or_default());
        // No letter is cut where a line ends.
        let end = match held.iter().rposition(|octet| *octet == b'\n') {
            Some(at) if read > 0 => at + 1,
            None if read > 0 && held.len() < LONGEST => 0,
            _ => held.len(),
        };
        wire.clear();
        // Line by line: each may be of another time.
        for line in held.get(..end).unwrap_or_default().split_inclusive(|octet| *octet == b'\n') {
            names.push(&mut wire, line);
        }
        held.drain(..end);
        let mut left = wire.as_slice();
        while !left.is_empty() {
            match with_room(writer, || Ok(rustix::io::write(writer, left)?)).await {
                Ok(written) => left = left.get(written..).unwrap_or_default(),
                Err(_) => return,
            }
        }
        if read == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use wharf_names::Charset;

    use super::*;

    fn through(charset: &str, text: Vec<u8>) -> Vec<u8> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let names = Translation { disk: None, wire: Charset::named(charset).unwrap() };
        let (reader, writer) = io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&reader, true).unwrap();
        let writing = std::thread::spawn(move || {
            let mut writer = writer;
            // Odd pieces, so that letters are cut between two reads.
            text.chunks(7).for_each(|piece| writer.write_all(piece).unwrap());
        });
        let octets = tokio::task::LocalSet::new().block_on(&runtime, async {
            let pipe = translated(Arc::new(reader.into()), names).unwrap();
            let pipe = watch(pipe, Interest::READABLE).unwrap();
            let (mut octets, mut piece) = (Vec::new(), [0; 1000]);
            loop {
                let read = pipe.async_io(Interest::READABLE, |pipe| Ok(rustix::io::read(pipe, &mut piece)?));
                match read.await.unwrap() {
                    0 => return octets,
                    read => octets.extend_from_slice(&piece[..read]),
                }
            }
        });
        writing.join().unwrap();
        octets
    }

    #[test]
    fn every_name_arrives_in_the_clients_charset_however_the_pieces_fall() {
        let line = "-rw-r--r--    1 0        0               7 Nov 22 07:15 한글 파일.txt\r\n";
        let wire = Charset::named("cp949").unwrap().to_wire(line.as_bytes());
        assert_eq!(through("cp949", line.repeat(3_000).into_bytes()), wire.repeat(3_000));
    }

    #[test]
    fn a_last_line_without_end_and_a_line_without_measure_arrive() {
        assert_eq!(through("cp949", "끝".into()), b"\xb3\xa1");
        assert_eq!(through("latin1", vec![b'x'; 3 * LONGEST]).len(), 3 * LONGEST);
    }

    #[test]
    fn a_listing_that_nobody_reads_on_ends_its_translation() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (reader, mut writer) = io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&reader, true).unwrap();
        let mut reader = reader;
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let kept: Arc<OwnedFd> = Arc::new(reader.try_clone().unwrap().into());
            let names = Translation { disk: None, wire: Charset::named("cp949").unwrap() };
            drop(translated(Arc::clone(&kept), names).unwrap());
            writer.write_all(b"a line\n").unwrap();
            // The translation holds the listing until it notices.
            while Arc::strong_count(&kept) > 1 {
                tokio::task::yield_now().await;
            }
        });
        assert!(reader.read(&mut [0]).is_err(), "the line was taken, and nothing else is there");
    }
}
