//! The decoders of the wire and of files that administrators write.

use std::path::Path;

use wharf_names::Charset;
use wharf_proto::entry::Time;
use wharf_proto::ftp::address::{parse_eprt, parse_port};
use wharf_proto::ftp::client::features::Features;
use wharf_proto::ftp::client::passive::{parse_227, parse_229};
use wharf_proto::ftp::client::reply;
use wharf_proto::ftp::command::Command;
use wharf_proto::ftp::line::{Decoder, Line};
use wharf_proto::ftp::listing::read::Reader;
use wharf_proto::path::VirtualPath;
use wharf_proto::pattern;

use crate::Target;

pub(crate) const ALL: &[(&str, Target)] = &[
    ("command_lines", command_lines),
    ("addresses", addresses),
    ("paths", paths),
    ("patterns", patterns),
    ("replies", replies),
    ("list", |octets| listing(Reader::list(Time { seconds: 1_795_600_000, nanoseconds: 0 }), octets)),
    ("mlsd", |octets| listing(Reader::mlsd(), octets)),
    ("charsets", charsets),
    ("spellings", spellings),
    ("config", config),
    ("hosts", hosts),
];

/// Splits the input in two at a place that it chooses itself.
fn halves(octets: &[u8]) -> (&[u8], &[u8]) {
    let Some((at, rest)) = octets.split_first() else { return (&[], &[]) };
    rest.split_at(usize::from(*at).min(rest.len()))
}

fn lines(pieces: &[&[u8]]) -> Vec<Line> {
    let (mut decoder, mut lines) = (Decoder::default(), Vec::new());
    for piece in pieces {
        decoder.push(piece);
        while let Some(line) = decoder.next_line() {
            lines.push(line);
        }
    }
    lines
}

fn command_lines(octets: &[u8]) {
    let (head, tail) = halves(octets);
    let read = lines(&[head, tail]);
    assert_eq!(read, lines(&[&[head, tail].concat()]), "pieces change nothing");
    for line in read {
        if let Line::Command(line) = line {
            assert!(!line.contains(&b'\n'));
            let command = Command::parse(&line);
            assert!(command.argument.len() <= line.len());
            let _ = command.masked();
        }
    }
}

fn addresses(octets: &[u8]) {
    let _ = parse_eprt(octets);
    let _ = parse_229(octets);
    for address in [parse_port(octets), parse_227(octets)].into_iter().flatten() {
        let told = wharf_proto::ftp::address::six_numbers(*address.ip(), address.port());
        assert_eq!(parse_port(told.as_bytes()), Some(address));
        assert!(address.port() == 0 || parse_227(told.as_bytes()) == Some(address));
    }
}

fn paths(octets: &[u8]) {
    let (head, tail) = halves(octets);
    let Ok(cwd) = VirtualPath::absolute(head) else { return };
    let Ok(path) = VirtualPath::resolve(&cwd, tail) else { return };
    let text = path.as_bytes();
    assert!(text.starts_with(b"/") && !text.contains(&0));
    assert!(text.split(|octet| *octet == b'/').all(|name| name != b".." && name != b"."));
    assert_eq!(VirtualPath::absolute(text).as_ref(), Ok(&path), "clean stays clean");
}

fn patterns(octets: &[u8]) {
    let (pattern, name) = halves(octets);
    let matches = pattern::matches(pattern, name);
    if !pattern::has_wildcard(pattern) && !pattern.contains(&b'\\') {
        assert!(!matches || pattern.len() <= octets.len());
    }
    let _ = pattern::denies(pattern, name);
}

fn replies(octets: &[u8]) {
    let (head, tail) = halves(octets);
    let read = |pieces: &[&[u8]]| {
        let (mut reader, mut replies) = (reply::Reader::default(), Vec::new());
        for piece in pieces {
            let mut rest = *piece;
            loop {
                match reader.take(&mut rest) {
                    Ok(Some(reply)) => replies.push(Ok(reply)),
                    Ok(None) => break,
                    Err(no_reply) => {
                        replies.push(Err(no_reply));
                        return replies;
                    }
                }
            }
        }
        replies
    };
    let whole = read(&[&[head, tail].concat()]);
    assert_eq!(read(&[head, tail]), whole, "pieces change nothing");
    for reply in whole.into_iter().flatten() {
        assert!((100..600).contains(&reply.code) && !reply.lines.is_empty());
        let _ = (reply.text(), reply.quoted(), Features::of(&reply));
    }
}

fn listing(reader: Reader, octets: &[u8]) {
    let (head, tail) = halves(octets);
    let read = |mut reader: Reader, pieces: &[&[u8]]| {
        let mut entries = Vec::new();
        for piece in pieces {
            reader.feed(piece, |entry| entries.push(entry));
        }
        reader.finish(|entry| entries.push(entry));
        (entries, reader.unknown())
    };
    let whole = read(reader.clone(), &[&[head, tail].concat()]);
    assert_eq!(read(reader, &[head, tail]), whole, "pieces change nothing");
    for entry in whole.0 {
        assert!(!entry.name.is_empty() && !entry.name.contains(&b'\n'));
        assert!(!entry.is_plain() || !entry.name.contains(&b'/'));
    }
}

fn charsets(octets: &[u8]) {
    const NAMES: [&str; 6] = ["cp949", "shift_jis", "gb18030", "big5", "euc-jp", "latin1"];
    let Some((which, name)) = octets.split_first() else { return };
    let charset = Charset::named(NAMES[usize::from(*which) % NAMES.len()]).expect("it is known");
    assert_eq!(charset.to_disk(&charset.to_wire(name)), name, "no name is lost");
    let disk = charset.to_disk(name);
    let slashes = |octets: &[u8]| octets.iter().filter(|octet| matches!(octet, b'/' | 0 | b'\n')).count();
    assert!(slashes(&disk) <= slashes(name), "no separator appears");
    let _ = wharf_names::guess([name], Some("kr"));
}

fn spellings(octets: &[u8]) {
    let composed = wharf_names::composed(octets);
    assert_eq!(wharf_names::composed(&composed), composed);
    assert!(wharf_names::same_name(octets, &wharf_names::decomposed(octets)));
}

fn config(octets: &[u8]) {
    let base = wharf_config::Config::default();
    if let Ok(read) = wharf_config::parse(octets, None, &base) {
        let again = wharf_config::parse(octets, None, &base).expect("the same text is read again");
        assert_eq!(read.config, again.config);
    }
}

fn hosts(octets: &[u8]) {
    let (allow, deny) = halves(octets);
    let place = Path::new("hosts");
    let text = |octets| wharf_hosts::Text { path: place, octets };
    let Ok(rules) = wharf_hosts::Rules::parse("vsftpd", text(allow), text(deny), |_| Ok(None)) else {
        return;
    };
    let client =
        wharf_hosts::Client { address: ([192, 0, 2, 7], 0).into(), name: wharf_hosts::Name::Unknown };
    let _ = (rules.remarks(), rules.judge(&client, ([192, 0, 2, 1], 21).into()));
}
