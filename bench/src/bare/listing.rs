//! A directory, entry by entry as the kernel gives it: not sorted, with the same date for all.

use std::fs::File;
use std::io::{self, Write};
use std::net::TcpStream;

use rustix::fs::{AtFlags, FileType, RawDir, StatxFlags, statx};

/// What is read from the kernel at once, and sent at once.
const BLOCK: usize = 256 << 10;

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Form {
    /// As `ls -l` does.
    Long,
    /// RFC 3659 §7.2.
    Facts,
    Names,
}

pub(super) fn send(directory: &File, mut data: &TcpStream, form: Form) -> io::Result<()> {
    let mut room = Vec::with_capacity(BLOCK);
    let mut entries = RawDir::new(directory, room.spare_capacity_mut());
    let mut lines = Vec::with_capacity(BLOCK + 1024);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        if form != Form::Names {
            let about = statx(directory, name, AtFlags::STATX_DONT_SYNC, StatxFlags::BASIC_STATS)?;
            describe(&mut lines, form, entry.file_type() == FileType::Directory, about.stx_size)?;
        }
        lines.extend_from_slice(name.to_bytes());
        lines.extend_from_slice(b"\r\n");
        if lines.len() >= BLOCK {
            data.write_all(&lines)?;
            lines.clear();
        }
    }
    data.write_all(&lines)
}

fn describe(lines: &mut Vec<u8>, form: Form, is_directory: bool, size: u64) -> io::Result<()> {
    if form == Form::Long {
        let kind = if is_directory { 'd' } else { '-' };
        return write!(lines, "{kind}rw-r--r--    1 ftp      ftp      {size:>12} Jan 01 00:00 ");
    }
    let kind = if is_directory { "dir" } else { "file" };
    write!(lines, "type={kind};size={size};modify=20260101000000; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_stands_before_the_date() {
        let mut line = Vec::new();
        describe(&mut line, Form::Long, false, 1024).unwrap();
        assert!(String::from_utf8(line).unwrap().contains(" 1024 Jan"));
    }
}
