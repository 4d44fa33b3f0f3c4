//! Monitor ↔ verifier: one question about clients' certificates, one process, one answer.
//!
//! A session forwards what it saw a client prove; nobody believes it before it was verified again.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// The most that a proof may have in all its parts, in octets: it must fit into one message beside a name and a password.
pub const MAX_PROOF: usize = 48 * 1024;

/// Monitor → verifier, once. The open files come along: the authorities, then the revocation lists where they have a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The name of the file of authorities (`ca_certs_file`), for messages.
    pub authorities: String,
    /// The name of the file of revocation lists (`ca_crl_file`).
    pub revoked: Option<String>,
    /// What a client proved; without it the files are asked about.
    pub proof: Option<Box<Proof>>,
}

/// Verifier → monitor, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// The files can be used.
    Usable {
        /// What the administrator should know of them all the same.
        remark: Option<String>,
    },
    /// The proof is one, and its certificate is vouched for and not revoked.
    Verified {
        /// What the certificate says of its holder, each as `KIND:VALUE`.
        names: Vec<String>,
    },
    /// A file cannot be used, or the proof is none.
    Refused(String),
}

/// What a client proved in its handshake (CertificateVerify: RFC 8446 §4.4.3, RFC 5246 §7.4.8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The chain in DER, the client's own first.
    pub chain: Vec<ByteBuf>,
    /// Whether the handshake was one of TLS 1.3.
    pub is_tls13: bool,
    /// How it was signed.
    pub scheme: u16,
    /// What was signed, before hashing.
    pub message: ByteBuf,
    /// The signature.
    pub signature: ByteBuf,
}

impl Proof {
    /// Tells whether the proof is no longer than one may be.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        let chain: usize = self.chain.iter().map(|certificate| certificate.len() + 4).sum();
        chain + self.message.len() + self.signature.len() <= MAX_PROOF
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{Link, scratch};

    #[test]
    fn the_longest_proof_fits_into_a_message() {
        let chain = vec![ByteBuf::from(vec![7; MAX_PROOF - 1000])];
        let proof = Proof {
            chain,
            is_tls13: true,
            scheme: 1,
            message: ByteBuf::from(vec![1; 900]),
            signature: ByteBuf::new(),
        };
        assert!(proof.is_bounded());
        assert!(!Proof { message: ByteBuf::from(vec![1; 1000]), ..proof.clone() }.is_bounded());
        let question = Question {
            authorities: "a".repeat(4096),
            revoked: Some("b".repeat(4096)),
            proof: Some(Box::new(proof)),
        };
        let (ours, theirs) = Link::<Question, Answer>::pair().unwrap();
        ours.send(&question).unwrap();
        assert_eq!(theirs.receive(&mut scratch()).unwrap().unwrap().message, question);
    }
}
