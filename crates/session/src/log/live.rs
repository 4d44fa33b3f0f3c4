//! What the terminal of `wharfd share` shows: a line per visit, transfer and change, for a person.

use wharf_proto::ftp::server::ask::Direction;
use wharf_proto::ftp::server::record::{Event, Record};

use super::Whose;

/// One line without its end; `None` for what a person does not want to see.
pub(super) fn line(record: &Record, whose: &Whose) -> Option<Vec<u8>> {
    let user = String::from_utf8_lossy(record.user.as_deref().unwrap_or_default()).into_owned();
    let said = match &record.event {
        Event::Connect { refused: Some(why) } => (*why).to_owned(),
        Event::Login { ok: true, .. } => "logged in".to_owned(),
        Event::Login { ok: false, .. } => "was refused: name or password wrong".to_owned(),
        Event::Transfer(transfer) => {
            let way = match (transfer.direction, transfer.ok) {
                (Direction::Download, true) => "downloaded",
                (Direction::Download, false) => "could not download",
                (Direction::Upload, true) => "uploaded",
                (Direction::Upload, false) => "could not upload",
            };
            let seconds = transfer.took.as_secs_f64();
            format!("{way} {} ({}, {seconds:.1} s)", name(&transfer.path), size(transfer.octets))
        }
        Event::MakeDirectory(true, path) => format!("made the directory {}", name(path)),
        Event::RemoveDirectory(true, path) => format!("removed the directory {}", name(path)),
        Event::Delete(true, path) => format!("deleted {}", name(path)),
        Event::Rename(true, paths) => format!("renamed {}", name(paths)),
        _ => return None,
    };
    let mut line = format!("{} {user} {said}", whose.address).into_bytes();
    super::printable(&mut line);
    Some(line)
}

fn name(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

/// `3 octets`, `1.5 KiB`, `2.0 GiB`.
fn size(octets: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if octets < 1024 {
        return format!("{octets} octets");
    }
    let mut size = octets as f64 / 1024.0;
    let mut units = UNITS.iter();
    let mut unit = units.next().unwrap_or(&"KiB");
    for larger in units {
        if size < 1024.0 {
            break;
        }
        size /= 1024.0;
        unit = larger;
    }
    format!("{size:.1} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_the_way_people_say_them() {
        assert_eq!(size(3), "3 octets");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(5 << 30), "5.0 GiB");
    }
}
