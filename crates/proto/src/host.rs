//! The name by which a client means one of several hosts at the same address (RFC 7151 §3.1).

/// The longest name that DNS can hold.
const LONGEST: usize = 253;

/// Reads a domain name or an IPv4 address as it is typed, in lower case and without a dot at its end.
///
/// Security: what comes out is the name of a file in one directory: letters, digits, hyphens, and single dots that are
/// not the first. `None` for anything else, an IPv6 address in brackets included.
#[must_use]
pub fn host_name(typed: &[u8]) -> Option<String> {
    let name = typed.strip_suffix(b".").unwrap_or(typed);
    let is_label = |label: &[u8]| {
        let is_letter = |octet: &u8| octet.is_ascii_alphanumeric() || *octet == b'-';
        (1..=63).contains(&label.len()) && label.iter().all(is_letter)
    };
    let is_name = name.len() <= LONGEST && name.split(|&octet| octet == b'.').all(is_label);
    is_name.then(|| String::from_utf8_lossy(name).to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_told_from_what_is_none() {
        assert_eq!(host_name(b"FTP.Example.com.").as_deref(), Some("ftp.example.com"));
        assert_eq!(host_name(b"192.0.2.1").as_deref(), Some("192.0.2.1"));
        for wrong in ["", ".", "..", "a..b", ".a", "a/b", "../a", "a b", "[2001:db8::1]", "a\0b", "\u{e9}"] {
            assert_eq!(host_name(wrong.as_bytes()), None, "{wrong:?}");
        }
        assert_eq!(host_name(&[b'a'; 64]), None);
        assert_eq!(host_name("a.".repeat(127).as_bytes()).map(|name| name.len()), Some(253));
        assert_eq!(host_name("a.".repeat(128).as_bytes()), None);
    }

    proptest! {
        #[test]
        fn what_is_read_is_one_name_and_reads_as_itself(typed in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some(name) = host_name(&typed) {
                prop_assert!(!name.contains('/') && !name.starts_with('.') && !name.is_empty());
                prop_assert_eq!(host_name(name.as_bytes()), Some(name));
            }
        }
    }
}
