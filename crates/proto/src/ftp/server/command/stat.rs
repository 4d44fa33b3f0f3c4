//! `STAT` tells how the session stands, or lists over the control connection (RFC 959 §4.1.3).

use core::time::Duration;

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "STAT",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::None,
    during: During::Answer(progress),
    pathname: listing::pathname,
    replies: &[211, 213, 501, 550],
    feature: None,
    help: "STAT [<pathname>]",
    start,
};

/// How much of a listing we hold in memory for a peer.
const LISTING_OCTETS: usize = 1 << 20;

fn start(session: &mut Session, pathname: &[u8]) -> Step {
    if pathname.is_empty() {
        return Step::Reply(Reply::Status(status(session)));
    }
    if !session.permits(Right::List) {
        return Step::Reply(Reply::PermissionDenied);
    }
    let mut wish = Wish::parse(pathname);
    wish.flags.all = true;
    match wish.resolve(session, Format::Long) {
        Ok(list) => Ask::list(list, collect),
        Err(refusal) => Step::Reply(refusal),
    }
}

fn collect(_: &mut Session, opened: Result<bool, Failure>) -> Step {
    if opened != Ok(true) {
        return Step::Reply(Reply::ListingStatus(Vec::new()));
    }
    Step::Ask(Ask::Collect(
        LISTING_OCTETS,
        Box::new(|_, listing| Step::Reply(Reply::ListingStatus(lines(&listing)))),
    ))
}

/// Cuts a listing at its line ends only: a LF in a name is no end of a line.
fn lines(mut listing: &[u8]) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    while !listing.is_empty() {
        let end = listing.windows(2).position(|pair| pair == b"\r\n").unwrap_or(listing.len());
        lines.push(listing.get(..end).unwrap_or_default().to_vec());
        listing = listing.get(end + 2..).unwrap_or_default();
    }
    lines
}

fn status(session: &mut Session) -> Vec<Vec<u8>> {
    let rate = match session.rate() {
        0 => "No session bandwidth limit".to_owned(),
        rate => format!("Session bandwidth limit in byte/s is {rate}"),
    };
    let idle = match session.policy.idle_timeout {
        Some(idle) => format!("Session timeout in seconds is {}", idle.as_secs()),
        None => "No session timeout".to_owned(),
    };
    let (peer, clients) = (session.peer.ip(), session.clients);
    let protection = session.protection;
    let inside = session.inside();
    let kind = if inside.ascii { "ASCII" } else { "BINARY" };
    let mut user = b"     Logged in as ".to_vec();
    user.extend_from_slice(&inside.user);
    let line = |text: String| format!("     {text}").into_bytes();
    let mut lines = vec![
        line(format!("Connected to {peer}")),
        user,
        line(format!("TYPE: {kind}")),
        line(rate),
        line(idle),
        line(format!("Control connection is {}", text_or_cipher(protection.of_control()))),
        line(format!("Data connections will be {}", text_or_cipher(protection.of_data()))),
    ];
    // Not known when inetd accepts.
    lines.extend((clients > 0).then(|| line(format!("At session startup, client count was {clients}"))));
    lines.push(line("Wharf".to_owned()));
    lines
}

fn text_or_cipher(protected: bool) -> &'static str {
    if protected { "encrypted" } else { "plain text" }
}

fn progress(octets: u64, size: Option<u64>, took: Duration) -> Reply {
    // The first second says little of what is to come.
    let millis = u64::try_from(took.as_millis()).ok().filter(|&millis| millis >= 1000);
    let pace = Pace(millis.and_then(|millis| octets.saturating_mul(1000).checked_div(millis)));
    size.map_or(Reply::Progress(octets, pace), |size| Reply::ProgressOf(octets, size, pace))
}
