//! What a TLS server signs, and so all that a worker can have signed.
//!
//! Security: a key that signs anything can vouch for anything: a client's part of a handshake, a token, another
//! certificate. These two shapes belong to servers only, and what a server signs holds for one handshake.

/// RFC 8446 §4.4.3: 64 spaces, the context, a zero, and the hash of the handshake.
const TLS13_CONTEXT: &[u8] = b"TLS 1.3, server CertificateVerify\0";

const SPACES: usize = 64;

/// Client's and server's random of TLS 1.2, 32 octets each.
const RANDOMS: usize = 64;

/// `named_curve` (RFC 8422 §5.4); the other kinds of parameters were given up.
const NAMED_CURVE: u8 = 3;

/// Tells whether a message is what a server signs in a handshake of TLS 1.3 or 1.2.
pub(crate) fn is_server_handshake(message: &[u8]) -> bool {
    is_certificate_verify(message) || is_key_exchange(message)
}

fn is_certificate_verify(message: &[u8]) -> bool {
    let Some((spaces, rest)) = message.split_at_checked(SPACES) else { return false };
    let hash = rest.strip_prefix(TLS13_CONTEXT);
    // SHA-256 or SHA-384: the hashes of the suites there are.
    spaces.iter().all(|&octet| octet == b' ') && hash.is_some_and(|hash| matches!(hash.len(), 32 | 48))
}

/// RFC 8422 §5.4: both randoms, the curve, and the server's point with its length.
fn is_key_exchange(message: &[u8]) -> bool {
    let Some((_, parameters)) = message.split_at_checked(RANDOMS) else { return false };
    let &[NAMED_CURVE, high, low, length, ref point @ ..] = parameters else { return false };
    let group = u16::from_be_bytes([high, low]);
    // P-256, P-384 and P-521 as uncompressed points; X25519.
    let expected = match group {
        0x0017 => 65,
        0x0018 => 97,
        0x0019 => 133,
        0x001d => 32,
        _ => return false,
    };
    point.len() == expected && usize::from(length) == expected
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verify(context: &str, hash: usize) -> Vec<u8> {
        [&[b' '; 64][..], context.as_bytes(), &vec![9; hash]].concat()
    }

    fn exchange(kind: u8, group: u16, length: u8, point: usize) -> Vec<u8> {
        let [high, low] = group.to_be_bytes();
        [&[7; 64][..], &[kind, high, low, length], &vec![4; point]].concat()
    }

    #[test]
    fn a_servers_part_of_both_versions_is_signed() {
        assert!(is_server_handshake(&verify("TLS 1.3, server CertificateVerify\0", 32)));
        assert!(is_server_handshake(&verify("TLS 1.3, server CertificateVerify\0", 48)));
        assert!(is_server_handshake(&exchange(3, 0x001d, 32, 32)));
        assert!(is_server_handshake(&exchange(3, 0x0017, 65, 65)));
    }

    #[test]
    fn nothing_else_is() {
        for message in [
            Vec::new(),
            b"a certificate, a token, a login".to_vec(),
            verify("TLS 1.3, client CertificateVerify\0", 32),
            verify("TLS 1.3, server CertificateVerify\0", 33),
            verify("TLS 1.3, server CertificateVerify", 32),
            exchange(3, 0x001d, 32, 33),
            exchange(3, 0x001d, 31, 32),
            exchange(1, 0x001d, 32, 32),
            exchange(3, 0x0100, 32, 32),
            vec![b' '; 64],
        ] {
            assert!(!is_server_handshake(&message), "{message:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_octets_make_the_judge_panic(head in 0..70_usize, tail in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let _ = is_server_handshake(&[&vec![b' '; head], &tail[..]].concat());
        }
    }
}
