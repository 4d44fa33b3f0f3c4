//! Ordered certificates (ACME, RFC 8555): makes their keys, writes the signed requests, and judges what comes back.
//!
//! The acme role, which meets the authority, has a link here and no key. It can have five kinds of request written, each
//! from what the monitor said when the order began, so what is signed is what is written here. A chain that came over
//! the network is taken only when it belongs to the key that was made for it.
//!
//! | | |
//! |---|---|
//! | the account's key and its signatures | `account.rs` |
//! | what is requested | `request.rs` |
//! | keys, requests for certificates, and PEM | `made.rs` |
//! | from when until when | `validity.rs` |

mod account;
mod made;
mod request;
mod validity;

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::time::SystemTime;

use rustls::client::verify_server_name;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use serde_bytes::ByteBuf;
use wharf_ipc::acme::{Answer, Applicant, Done, MAX_CHAIN, Question, Task, Validity};
use wharf_ipc::link::{Link, Received};
use wharf_os::epoll::{Interest, Poller};

use crate::load::Named;
use account::Account;
use made::Made;

/// Room for the longest question.
const QUESTION_ROOM: usize = 8 * 1024;

/// What is being ordered, if anything is.
#[derive(Default)]
pub(crate) struct Acme {
    order: Option<Order>,
}

struct Order {
    applicant: Applicant,
    account: Account,
    made: Made,
    /// `None` once the role is gone.
    role: Option<Link<Answer, Question>>,
}

impl std::fmt::Debug for Acme {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Acme").field("is_ordering", &self.order.is_some()).finish_non_exhaustive()
    }
}

impl Acme {
    /// Carries out what the monitor wants; the role's link is watched under `key`.
    ///
    /// # Errors
    /// When the monitor says what it may not say now.
    pub(crate) fn carry_out(
        &mut self,
        task: Task,
        descriptors: Vec<OwnedFd>,
        poller: &Poller,
        key: u64,
    ) -> io::Result<Option<Done>> {
        let mut descriptors = descriptors.into_iter();
        let mut next = || descriptors.next().ok_or_else(|| broken("a task without its files"));
        let done = match task {
            Task::Placeholder { domains } => placeholder(&domains, &mut File::from(next()?)),
            Task::Begin(applicant) => {
                let (file, role) = (File::from(next()?), Link::from(next()?));
                self.end(poller);
                self.begin(applicant, file, role, poller, key)
            }
            Task::Store { chain } => {
                let order = self.order.as_ref().ok_or_else(|| broken("a chain that nobody ordered"))?;
                order.store(&chain, &mut File::from(next()?))
            }
            Task::End => {
                self.end(poller);
                return Ok(None);
            }
        };
        Ok(Some(done.unwrap_or_else(Done::Refused)))
    }

    fn begin(
        &mut self,
        applicant: Applicant,
        file: File,
        role: Link<Answer, Question>,
        poller: &Poller,
        key: u64,
    ) -> Result<Done, String> {
        let file = Named { name: "account.key".to_owned(), file };
        let account = Account::open(&file).map_err(|refused| format!("{}: {refused}", file.name))?;
        let made = Made::new(&applicant.domains)?;
        // Security: a role that does not read its answers must not hold the others up.
        let watched = role.set_nonblocking(true).and_then(|()| poller.add(&role, key, Interest::Read));
        watched.map_err(|error| format!("the link of the acme role cannot be watched: {error}"))?;
        let thumbprint = account.thumbprint();
        self.order = Some(Order { applicant, account, made, role: Some(role) });
        Ok(Done::Begun { thumbprint })
    }

    /// Answers the role's next question; one that breaks the rules loses its link.
    pub(crate) fn hear(&mut self, poller: &Poller) {
        let Some(order) = &mut self.order else { return };
        let Some(role) = &order.role else { return };
        match order.answer_one(role) {
            Ok(true) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            outcome => {
                if let Err(error) = outcome {
                    wharf_os::say!("wharfd: keyholder: the acme role is not served any more: {error}");
                }
                order.leave(poller);
            }
        }
    }

    fn end(&mut self, poller: &Poller) {
        if let Some(mut order) = self.order.take() {
            order.leave(poller);
        }
    }
}

impl Order {
    /// Answers the next question; false when the role is gone.
    fn answer_one(&self, role: &Link<Answer, Question>) -> io::Result<bool> {
        let mut buffer = [0; QUESTION_ROOM];
        let Some(Received { message: question, descriptors }) = role.receive(&mut buffer)? else {
            return Ok(false);
        };
        if !descriptors.is_empty() {
            return Err(broken("a question with a descriptor"));
        }
        let answer = request::write(&question, &self.applicant, &self.account, &self.made);
        match role.send(&answer.map(ByteBuf::from)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Err(broken("answers are asked for and not read"))
            }
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            sent => sent.map(|()| true),
        }
    }

    /// Closing would not be enough while the role's own copy is open.
    fn leave(&mut self, poller: &Poller) {
        if let Some(role) = self.role.take() {
            let _ = poller.remove(&role);
        }
    }

    fn store(&self, chain: &[u8], to: &mut File) -> Result<Done, String> {
        let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
        let (chain, validity) = judge(chain, &self.made, &self.applicant.domains, now)?;
        write_out(to, &self.made, &chain)?;
        Ok(Done::Stored(validity))
    }
}

/// Proves that a chain is what was ordered.
fn judge(
    chain: &[u8],
    made: &Made,
    domains: &[String],
    now: u64,
) -> Result<(Vec<CertificateDer<'static>>, Validity), String> {
    if chain.len() > MAX_CHAIN {
        return Err(format!("the authority's chain is longer than {} KiB", MAX_CHAIN / 1024));
    }
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("the authority's chain is damaged: {error}"))?;
    let first = chain.first().ok_or("the authority sent no certificate")?;
    let parsed = ParsedCertificate::try_from(first)
        .map_err(|error| format!("the authority's certificate cannot be used: {error}"))?;
    CertifiedKey::new(chain.clone(), made.signing()?).keys_match().map_err(|_| {
        "the authority's certificate is for another key than the one that was sent".to_owned()
    })?;
    for domain in domains {
        let name =
            ServerName::try_from(domain.as_str()).map_err(|_| format!("'{domain}' is no host name"))?;
        verify_server_name(&parsed, &name)
            .map_err(|_| format!("the authority's certificate does not hold for {domain}"))?;
    }
    let validity = validity::of(first).ok_or("the authority's certificate does not say when it ends")?;
    if validity.not_after <= now || validity.not_after <= validity.not_before {
        return Err(
            "the authority's certificate has expired already (is this machine's clock right?)".to_owned()
        );
    }
    Ok((chain, validity))
}

fn placeholder(domains: &[String], to: &mut File) -> Result<Done, String> {
    let made = Made::new(domains)?;
    let certificate = made.self_signed()?;
    let validity = validity::of(&certificate).ok_or("a certificate of our own cannot be read")?;
    write_out(to, &made, &[certificate])?;
    Ok(Done::Stored(validity))
}

fn write_out(to: &mut File, made: &Made, chain: &[CertificateDer<'_>]) -> Result<(), String> {
    let text = made.with_chain(chain);
    to.write_all(text.as_bytes()).map_err(|error| format!("cannot write the certificate's file: {error}"))
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000;

    fn domains() -> Vec<String> {
        vec!["ftp.example".into(), "files.example".into()]
    }

    fn pem(certificate: &CertificateDer<'_>) -> Vec<u8> {
        made::pem("CERTIFICATE", certificate).as_bytes().to_vec()
    }

    #[test]
    fn only_the_certificate_that_was_ordered_is_taken() {
        let made = Made::new(&domains()).unwrap();
        let ours = pem(&made.self_signed().unwrap());
        let judged =
            |chain: &[u8], domains: &[String], now| judge(chain, &made, domains, now).map(|it| it.0.len());
        assert_eq!(judged(&ours, &domains(), NOW), Ok(1));
        assert_eq!(judged(&[&ours[..], &ours].concat(), &domains(), NOW), Ok(2));
        let other = pem(&Made::new(&domains()).unwrap().self_signed().unwrap());
        assert!(judged(&other, &domains(), NOW).unwrap_err().contains("another key"));
        let more = [domains(), vec!["www.example".into()]].concat();
        assert!(judged(&ours, &more, NOW).unwrap_err().contains("does not hold for www.example"));
        assert!(judged(&ours, &domains(), u64::MAX).unwrap_err().contains("expired"));
        assert!(judged(b"hello", &domains(), NOW).unwrap_err().contains("no certificate"));
        assert!(judged(&vec![b' '; MAX_CHAIN + 1], &domains(), NOW).unwrap_err().contains("longer"));
    }

    #[test]
    fn what_is_written_can_be_loaded_like_any_other_pair() {
        let mut file = tempfile::tempfile().unwrap();
        let done = placeholder(&domains(), &mut file).unwrap();
        assert!(matches!(done, Done::Stored(_)));
        let named = Named { name: "certificate.pem".into(), file };
        let (public, _) = crate::load::pair(wharf_ipc::keyholder::KeyId(1), &named, None).unwrap();
        assert_eq!((public.chain.len(), public.schemes), (1, vec![0x0403]));
    }

    proptest::proptest! {
        #[test]
        fn no_chain_makes_the_judge_panic(text in "(-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]{0,80}\n-----END CERTIFICATE-----\n|\\PC{0,40}){0,4}") {
            let made = Made::new(&domains()).unwrap();
            let _ = judge(text.as_bytes(), &made, &domains(), NOW);
        }
    }
}
