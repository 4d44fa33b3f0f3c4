//! A peer that was taken over can say anything: no octets make a decoder panic, and what we say ourselves is
//! understood as it was meant.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wharf_ipc::link::{Link, scratch};
use wharf_ipc::{SessionId, acme, auth, broker, keyholder, listener, mapper, monitor, verifier};
use wharf_os::channel::Channel;
use wharf_proto::path::VirtualPath;
use wharf_proto::secret::Secret;

/// What arrives when a peer sends these octets instead of a message.
fn arrives<In: DeserializeOwned + Serialize>(octets: &[u8]) -> bool {
    let (ours, theirs) = Channel::pair().unwrap();
    theirs.send(octets, &[]).unwrap();
    let link: Link<In, In> = Link::new(ours);
    link.receive(&mut scratch()).is_ok_and(|received| received.is_some())
}

fn survives<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(message: &T) {
    let (ours, theirs) = Link::<T, T>::pair().unwrap();
    ours.send(message).unwrap();
    assert_eq!(theirs.receive(&mut scratch()).unwrap().unwrap().message, *message);
}

proptest! {
    #[test]
    fn no_octets_make_a_decoder_panic(octets in prop::collection::vec(any::<u8>(), 1..600)) {
        // Whether they happen to be a message is of no matter here.
        let _ = arrives::<monitor::FromWorker>(&octets);
        let _ = arrives::<monitor::ToWorker>(&octets);
        let _ = arrives::<monitor::FromListener>(&octets);
        let _ = arrives::<monitor::ToListener>(&octets);
        let _ = arrives::<listener::FromWorker>(&octets);
        let _ = arrives::<listener::ToWorker>(&octets);
        let _ = arrives::<auth::Question>(&octets);
        let _ = arrives::<auth::Verdict>(&octets);
        let _ = arrives::<broker::Request>(&octets);
        let _ = arrives::<broker::Answer>(&octets);
        let _ = arrives::<broker::Start>(&octets);
        let _ = broker::decode_finished(&octets);
        let _ = arrives::<acme::ToAcme>(&octets);
        let _ = arrives::<acme::FromAcme>(&octets);
        let _ = arrives::<acme::Question>(&octets);
        let _ = arrives::<acme::Answer>(&octets);
        let _ = arrives::<mapper::ToMapper>(&octets);
        let _ = arrives::<mapper::Report>(&octets);
        let _ = arrives::<verifier::Question>(&octets);
        let _ = arrives::<verifier::Answer>(&octets);
        let _ = arrives::<keyholder::ToKeyholder>(&octets);
        let _ = arrives::<keyholder::FromKeyholder>(&octets);
        let _ = arrives::<keyholder::Question>(&octets);
        let _ = arrives::<keyholder::Answer>(&octets);
    }

    #[test]
    fn a_login_survives_the_way(name in prop::collection::vec(any::<u8>(), 0..200), password in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(&monitor::FromWorker::Login {
            session: SessionId::FIRST,
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            name,
            password: Some(Secret::new(password)),
            proof: None,
        });
    }

    #[test]
    fn a_question_survives_the_way(number in any::<u64>(), key in any::<u64>(), scheme in any::<u16>(), message in prop::collection::vec(any::<u8>(), 0..keyholder::MAX_TO_SIGN)) {
        survives(&keyholder::Question { number, key: keyholder::KeyId(key), scheme, message });
    }

    #[test]
    fn a_request_survives_the_way(name in prop::collection::vec(any::<u8>(), 1..4000)) {
        if let Ok(path) = VirtualPath::absolute(&name) {
            survives(&broker::Request::OpenRead(path.clone()));
            survives(&broker::Answer::Home(Some(path)));
        }
        survives(&broker::Request::Home { name });
    }
}

#[test]
fn a_path_that_is_not_clean_is_no_message() {
    for name in ["/a/../b", "a", "/a//b", "/a/", "", "/a\0b"] {
        // The request's number and the name's length come before the name, as the codec has it.
        let mut octets = postcard::to_allocvec(&broker::Request::OpenRead(VirtualPath::root())).unwrap();
        octets.truncate(octets.len() - 2);
        octets.push(name.len() as u8);
        octets.extend_from_slice(name.as_bytes());
        assert!(!arrives::<broker::Request>(&octets), "{name:?}");
    }
    let clean =
        postcard::to_allocvec(&broker::Request::OpenRead(VirtualPath::absolute(b"/a").unwrap())).unwrap();
    assert!(arrives::<broker::Request>(&clean));
}

#[test]
fn octets_after_a_message_are_no_message() {
    let mut octets =
        postcard::to_allocvec(&listener::FromWorker::Ended { session: SessionId::FIRST }).unwrap();
    assert!(arrives::<listener::FromWorker>(&octets));
    octets.push(0);
    assert!(!arrives::<listener::FromWorker>(&octets));
}
