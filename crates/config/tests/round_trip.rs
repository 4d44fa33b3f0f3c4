//! The text between our processes loses nothing, and no octets can make the parser panic.

use std::path::Path;

use proptest::prelude::*;
use wharf_config::{Config, Kind, Row, check, describe, parse, rows};

/// A value that a row accepts.
fn value_of(row: &'static Row) -> BoxedStrategy<Vec<u8>> {
    match row.kind {
        Kind::Bool => prop_oneof!["YES", "NO", "true", "0"].prop_map(String::into_bytes).boxed(),
        Kind::Switch => prop_oneof!["YES", "NO", "auto"].prop_map(String::into_bytes).boxed(),
        Kind::Int => any::<u32>().prop_map(|value| value.to_string().into_bytes()).boxed(),
        Kind::Long => any::<u64>().prop_map(|value| value.to_string().into_bytes()).boxed(),
        Kind::Port => any::<u16>().prop_map(|value| value.to_string().into_bytes()).boxed(),
        Kind::Octal => (0u32..0o10000).prop_map(|value| format!("0{value:o}").into_bytes()).boxed(),
        Kind::List => "[A-Za-z ,]{0,30}".prop_map(String::into_bytes).boxed(),
        Kind::Text => proptest::collection::vec(any::<u8>(), 0..40)
            .prop_map(|octets| octets.into_iter().filter(|octet| !b"\0\n".contains(octet)).collect())
            .boxed(),
    }
}

/// A line for some of the options.
fn lines() -> impl Strategy<Value = Vec<u8>> {
    let all: Vec<&'static Row> = rows().collect();
    let line = proptest::sample::select(all).prop_flat_map(|row| {
        value_of(row).prop_map(move |value| [row.name.as_bytes(), b"=", &value, b"\n"].concat())
    });
    proptest::collection::vec(line, 0..60).prop_map(|lines| lines.concat())
}

proptest! {
    #[test]
    fn what_was_parsed_survives_the_way_between_processes(text in lines()) {
        let config = parse(&text, None, &Config::default()).expect("only valid values").config;
        let back = parse(&config.to_text(), None, &Config::default()).expect("our own text");
        prop_assert_eq!(&back.config, &config);
        prop_assert_eq!(back.config.to_text(), config.to_text());
    }

    #[test]
    fn checks_and_descriptions_hold_for_every_configuration(text in lines()) {
        let config = parse(&text, None, &Config::default()).expect("only valid values").config;
        check(&config).iter().for_each(|problem| assert!(!problem.to_string().contains('\x1b')));
        prop_assert!(!describe(&config).contains('\x1b'));
    }

    #[test]
    fn no_octets_make_the_parser_panic(text in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&text, Some(Path::new("f")), &Config::default());
        let _ = Config::default().for_user(&text, Path::new("f"));
    }

    #[test]
    fn no_value_makes_a_row_panic(
        row in proptest::sample::select(rows().collect::<Vec<_>>()),
        value in prop_oneof![
            "[-+0-9]{0,24}[a-z# ]{0,3}".prop_map(String::into_bytes),
            proptest::collection::vec(any::<u8>(), 0..40),
        ],
    ) {
        let text = [row.name.as_bytes(), b"=", &value].concat();
        if let Err(problems) = parse(&text, None, &Config::default()) {
            prop_assert!(!problems.is_empty());
            problems.iter().for_each(|problem| assert!(!problem.to_string().contains('\x1b')));
        }
    }
}
