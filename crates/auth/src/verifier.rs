//! The verifier role: judges, once, what a client proved with its certificate, or the files that such proofs are held
//! against, and ends.
//!
//! The process that spoke with the client has judged it before, and may be in anybody's hands; this one speaks with nobody.
//! It is nobody itself, without files or network: what it reads was written by strangers. Whose account a certificate is
//! for, the monitor decides.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::process::ExitCode;

use wharf_ipc::link::{Link, scratch};
use wharf_ipc::verifier::{Answer, Proof, Question};
use wharf_os::sandbox::{Role, Sandbox};
use wharf_os::{identity, process};
use wharf_transport::{Authorities, Revoked, names};

/// How much of each file is read: the bundles of distributions have a quarter of a megabyte, and lists of revoked
/// certificates more.
pub const FILE_LIMIT: usize = 4 << 20;

/// Runs the role on the channel to the monitor.
///
/// Fails when the process cannot be shut in, or when the monitor says something else than one question; then nobody is
/// let in, because nothing is answered.
#[must_use]
pub fn run(monitor: OwnedFd) -> ExitCode {
    let link = Link::from(monitor);
    match shut_in().and_then(|()| answer_one(&link)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            wharf_os::say!("wharfd: verifier: {error}");
            ExitCode::FAILURE
        }
    }
}

fn shut_in() -> io::Result<()> {
    process::die_with_parent()?;
    process::no_core()?;
    if let (true, Some(nobody)) = (identity::is_root(), identity::lookup(b"nobody")?) {
        process::enter_root(process::vanished_directory()?)?;
        identity::become_user(nobody.uid, nobody.gid, &[])?;
        // A change of user makes the kernel forget it.
        process::die_with_parent()?;
    }
    process::not_dumpable()?;
    // It may do what the keyholder may: read what it is handed open, and answer.
    let report = Sandbox::for_role(Role::Keyholder, &[]).enter()?;
    if !report.is_complete() {
        wharf_os::say!("wharfd: {report}");
    }
    Ok(())
}

fn answer_one(link: &Link<Answer, Question>) -> io::Result<()> {
    let Some(received) = link.receive(&mut scratch())? else { return Ok(()) };
    let answer = judge(received.message, received.descriptors).unwrap_or_else(Answer::Refused);
    link.send(&answer)
}

fn judge(question: Question, descriptors: Vec<OwnedFd>) -> Result<Answer, String> {
    let mut files = descriptors.into_iter().map(File::from);
    let mut content = |name: &str| match files.next() {
        Some(file) => read(&file).map_err(|error| format!("{name}: {error}")),
        None => Err(format!("{name} did not arrive")),
    };
    let certificates = content(&question.authorities)?;
    let revoked = match question.revoked {
        Some(file) => Some(Revoked { lists: content(&file)?, file }),
        None => None,
    };
    let authorities = Authorities { file: question.authorities, certificates, revoked };
    match question.proof {
        None => {
            authorities.check().map_err(|fault| fault.to_string())?;
            Ok(Answer::Usable { remark: authorities.stale() })
        }
        Some(proof) => {
            let proof = ours(*proof);
            authorities.verify(&proof).map_err(|fault| fault.to_string())?;
            let own = proof.chain.first().map(Vec::as_slice).unwrap_or_default();
            Ok(Answer::Verified { names: names(own) })
        }
    }
}

fn ours(proof: Proof) -> wharf_transport::Proof {
    wharf_transport::Proof {
        chain: proof.chain.into_iter().map(serde_bytes::ByteBuf::into_vec).collect(),
        is_tls13: proof.is_tls13,
        scheme: proof.scheme,
        message: proof.message.into_vec(),
        signature: proof.signature.into_vec(),
    }
}

/// Reads a file from its beginning, whatever others with the same descriptor have read of it.
fn read(file: &File) -> io::Result<Vec<u8>> {
    let mut content = vec![0; FILE_LIMIT + 1];
    let mut length = 0;
    while let Some(room) = content.get_mut(length..).filter(|room| !room.is_empty()) {
        match file.read_at(room, length as u64) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    if length > FILE_LIMIT {
        return Err(io::Error::other(format!("the file is longer than {} MiB", FILE_LIMIT >> 20)));
    }
    content.truncate(length);
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn asked(content: &[u8], revoked: Option<&[u8]>, proof: Option<Proof>) -> Result<Answer, String> {
        let file = |content: &[u8]| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(content).unwrap();
            OwnedFd::from(file)
        };
        let descriptors = [Some(content), revoked].into_iter().flatten().map(file).collect();
        let revoked = revoked.map(|_| "crl.pem".to_owned());
        judge(Question { authorities: "ca.pem".into(), revoked, proof: proof.map(Box::new) }, descriptors)
    }

    #[test]
    fn files_that_cannot_be_used_are_named() {
        assert!(asked(b"", None, None).unwrap_err().starts_with("ca.pem: there is no certificate"));
        let question = Question { authorities: "ca.pem".into(), revoked: None, proof: None };
        assert_eq!(judge(question, Vec::new()).unwrap_err(), "ca.pem did not arrive");
    }

    #[test]
    fn no_proof_is_believed_without_an_authority() {
        let proof = Proof {
            chain: vec![serde_bytes::ByteBuf::from(vec![1; 10])],
            is_tls13: true,
            scheme: 0x0403,
            message: serde_bytes::ByteBuf::new(),
            signature: serde_bytes::ByteBuf::new(),
        };
        asked(b"", None, Some(proof)).unwrap_err();
    }
}
