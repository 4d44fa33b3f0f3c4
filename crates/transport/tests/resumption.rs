//! Which data connections are this session's: the rule that `require_ssl_reuse` rests on.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod common;

use std::sync::Arc;

use common::{Pair, client, session, site};
use rustls::client::{ClientSessionMemoryCache, Resumption, Tls12Resumption};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, HandshakeKind, SupportedProtocolVersion};
use wharf_transport::{Channel, Flow, Kind, Look, ServerSide, Settings, WhyFull, look};

const NAME: &str = "ftp.example";

/// The ways to remember a session: TLS 1.3 and 1.2 with tickets, TLS 1.2 with session numbers.
fn ways() -> [(&'static str, ClientConfig); 3] {
    let with = |version: &'static SupportedProtocolVersion, how| {
        let mut config = client(&[version]);
        config.resumption = Resumption::in_memory_sessions(64).tls12_resumption(how);
        config
    };
    [
        ("TLS 1.3", with(&TLS13, Tls12Resumption::Disabled)),
        ("TLS 1.2, tickets", with(&TLS12, Tls12Resumption::SessionIdOrTickets)),
        ("TLS 1.2, numbers", with(&TLS12, Tls12Resumption::SessionIdOnly)),
    ]
}

fn connect(client: &Arc<ClientConfig>, server: Channel) -> Pair {
    Pair::connect(client, NAME, server).unwrap()
}

fn data(client: &Arc<ClientConfig>, session: &ServerSide, flow: Flow) -> Kind {
    connect(client, session.accept_data(flow)).server.handshake_kind().unwrap()
}

#[test]
fn a_data_connection_resumes_its_own_session() {
    for (way, client) in ways() {
        let (client, session) = (Arc::new(client), session());
        let control = connect(&client, session.accept_control());
        assert_eq!(control.server.handshake_kind(), Some(Kind::Full), "{way}");
        assert_eq!(control.server.why_full(), Some(WhyFull::NothingOffered), "{way}");
        let one = connect(&client, session.accept_data(Flow::ToClient));
        assert_eq!(one.server.handshake_kind(), Some(Kind::Resumed), "{way}");
        assert_eq!(one.client.handshake_kind(), Some(HandshakeKind::Resumed), "{way}");
        assert_eq!(one.server.why_full(), None);
    }
}

#[test]
fn a_client_that_uses_each_ticket_once_can_go_on_for_long() {
    for (way, client) in ways() {
        let (client, session) = (Arc::new(client), session());
        let _control = connect(&client, session.accept_control());
        for number in 0..40 {
            assert_eq!(data(&client, &session, Flow::ToClient), Kind::Resumed, "{way}, connection {number}");
        }
    }
}

#[test]
fn uploads_get_no_ticket_and_four_of_them_resume() {
    let (client, session) = (Arc::new(client(&[&TLS13])), session());
    let _control = connect(&client, session.accept_control());
    for _ in 0..4 {
        assert_eq!(data(&client, &session, Flow::FromClient), Kind::Resumed);
    }
    assert_eq!(data(&client, &session, Flow::FromClient), Kind::Full);
}

#[test]
fn uploads_go_on_for_long_when_the_control_connection_repeats_its_ticket() {
    for (way, client) in ways() {
        let (client, session) = (Arc::new(client), session());
        let mut control = connect(&client, session.accept_control());
        for number in 0..20 {
            let kind = data(&client, &session, Flow::FromClient);
            assert_eq!(kind, Kind::Resumed, "{way}, connection {number}");
            control.server.repeat_ticket();
            assert_eq!(control.server.write(b"150 \r\n"), 6);
            control.settle().unwrap();
        }
        assert_eq!(common::heard(&mut control.client), b"150 \r\n".repeat(20), "{way}");
    }
}

#[test]
fn parallel_data_connections_resume_together() {
    for (way, client) in ways() {
        let (client, session) = (Arc::new(client), session());
        let _control = connect(&client, session.accept_control());
        let mut pairs: Vec<_> =
            (0..4).map(|_| Pair::new(&client, NAME, session.accept_data(Flow::ToClient))).collect();
        for pair in &mut pairs {
            pair.settle().unwrap();
            assert_eq!(pair.server.handshake_kind(), Some(Kind::Resumed), "{way}");
        }
    }
}

#[test]
fn another_sessions_ticket_is_foreign() {
    for (way, client) in ways() {
        let client = Arc::new(client);
        let site = site(&Settings::default());
        let (ours, other) = (site.session().unwrap(), site.session().unwrap());
        let _control = connect(&client, other.accept_control());
        let intruder = connect(&client, ours.accept_data(Flow::ToClient));
        assert_eq!(intruder.server.handshake_kind(), Some(Kind::Full), "{way}");
        assert_eq!(intruder.server.why_full(), Some(WhyFull::Foreign), "{way}");
    }
}

/// Security: else the first connection, refused, would fetch what the second is let in with.
#[test]
fn a_full_data_connection_earns_nothing_to_come_back_with() {
    for (way, client) in ways() {
        let (client, session) = (Arc::new(client), session());
        for flow in [Flow::ToClient, Flow::FromClient, Flow::ToClient] {
            assert_eq!(data(&client, &session, flow), Kind::Full, "{way}");
        }
    }
}

#[test]
fn another_server_name_does_not_resume_and_earns_nothing() {
    for (way, mut config) in ways() {
        let session = session();
        // One memory for both names, as a client has that was told to reuse.
        let shared = Arc::new(OneName(ClientSessionMemoryCache::new(64)));
        config.resumption = Resumption::store(shared).tls12_resumption(Tls12Resumption::SessionIdOrTickets);
        let client = Arc::new(config);
        let _control = connect(&client, session.accept_control());
        let other = Pair::connect(&client, "other.example", session.accept_data(Flow::ToClient)).unwrap();
        assert_eq!(other.server.handshake_kind(), Some(Kind::Full), "{way}");
        assert_eq!(other.server.why_full(), Some(WhyFull::OtherNameOrSuite), "{way}");
        let again = Pair::connect(&client, "other.example", session.accept_data(Flow::ToClient)).unwrap();
        assert_eq!(again.server.handshake_kind(), Some(Kind::Full), "{way}");
    }
}

/// A memory that takes every server for the same.
#[derive(Debug)]
struct OneName(ClientSessionMemoryCache);

mod one_name {
    use super::{NAME, OneName};
    use rustls::NamedGroup;
    use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
    use rustls::pki_types::ServerName;

    fn name() -> ServerName<'static> {
        ServerName::try_from(NAME).unwrap()
    }

    impl ClientSessionStore for OneName {
        fn set_kx_hint(&self, _: ServerName<'static>, group: NamedGroup) {
            self.0.set_kx_hint(name(), group);
        }

        fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
            self.0.kx_hint(&name())
        }

        fn set_tls12_session(&self, _: ServerName<'static>, value: Tls12ClientSessionValue) {
            self.0.set_tls12_session(name(), value);
        }

        fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
            self.0.tls12_session(&name())
        }

        fn remove_tls12_session(&self, _: &ServerName<'static>) {
            self.0.remove_tls12_session(&name());
        }

        fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
            self.0.insert_tls13_ticket(name(), value);
        }

        fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
            self.0.take_tls13_ticket(&name())
        }
    }
}

#[test]
fn the_first_words_of_a_data_connection_tell_whose_it_is_before_anybody_answers() {
    for (way, config) in ways() {
        let (mine, other) = (session(), session());
        let client = Arc::new(config);
        let first_words = || {
            let name = NAME.to_owned().try_into().unwrap();
            let mut connection = rustls::ClientConnection::new(Arc::clone(&client), name).unwrap();
            let mut said = Vec::new();
            connection.write_tls(&mut said).unwrap();
            said
        };
        let offer = |said: &[u8]| match look(said) {
            Look::Offers(offer) => offer,
            other => panic!("{way}: {other:?}"),
        };
        assert!(!mine.knows(&offer(&first_words())), "{way}: nothing is offered before there is a session");
        let _control = connect(&client, mine.accept_control());
        for number in 0..3 {
            let said = first_words();
            let offer = offer(&said);
            assert!(mine.knows(&offer), "{way}, {number}");
            assert!(!other.knows(&offer), "{way}, {number}");
            assert_eq!(data(&client, &mine, Flow::ToClient), Kind::Resumed, "{way}, {number}");
        }
    }
}
