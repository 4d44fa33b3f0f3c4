//! NLST lines: a name, and what stands before it (RFC 959 §4.1.3).

use crate::entry::Kind;

/// Appends one line with its CR LF; `classify` marks directories with `/` and links with `@`.
pub fn line(out: &mut Vec<u8>, prefix: &[u8], name: &[u8], kind: Kind, classify: bool) {
    super::push_name(out, prefix);
    super::push_name(out, name);
    match kind {
        Kind::Directory if classify => out.push(b'/'),
        Kind::Symlink if classify => out.push(b'@'),
        _ => {}
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_stands_before_and_the_mark_behind() {
        let mut out = Vec::new();
        line(&mut out, b"./d/", b"in", Kind::Directory, true);
        line(&mut out, b"", b"link", Kind::Symlink, true);
        line(&mut out, b"", b"a\nb", Kind::Symlink, false);
        assert_eq!(out, b"./d/in/\r\nlink@\r\na?b\r\n");
    }
}
