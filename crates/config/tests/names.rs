//! Holds the table against the list of every option that a build of vsftpd knows.

use wharf_config::{Kind, Row, Scope, row};

struct Entry {
    name: &'static str,
    kind: &'static str,
    default: &'static str,
    layer: &'static str,
}

fn entries() -> Vec<Entry> {
    let lines = include_str!("data/names.txt").lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let [name, kind, default, layer] = line.split(' ').collect::<Vec<_>>()[..] else {
                panic!("four words: {line}")
            };
            Entry { name, kind, default, layer }
        })
        .collect()
}

fn row_of(entry: &Entry) -> &'static Row {
    row(entry.name.as_bytes()).unwrap_or_else(|| panic!("no row for {}", entry.name))
}

#[test]
fn no_option_of_vsftpd_is_missing() {
    let entries = entries();
    assert_eq!(entries.len(), 150);
    for entry in &entries {
        assert!(row_of(entry).is_called(entry.name.as_bytes()));
    }
}

#[test]
fn every_type_is_that_of_vsftpd() {
    for entry in entries() {
        let kinds: &[Kind] = match entry.kind {
            "bool" => &[Kind::Bool, Kind::Switch],
            "int" => &[Kind::Int, Kind::Long, Kind::Port],
            "octal" => &[Kind::Octal],
            "string" => &[Kind::Text, Kind::List],
            other => panic!("{other}"),
        };
        assert!(kinds.contains(&row_of(&entry).kind), "{}", entry.name);
    }
}

#[test]
fn every_default_is_that_of_vsftpd() {
    for entry in entries() {
        let expected = match (entry.name, entry.default) {
            // No login waits for a name server unasked; docs/compatibility.md has the row.
            ("reverse_lookup_enable", "YES") => "NO",
            (_, "-") => "",
            (_, default) => default,
        };
        assert_eq!(row_of(&entry).default_value(), expected, "{}", entry.name);
    }
}

#[test]
fn per_user_files_reach_what_they_reach_in_vsftpd() {
    for entry in entries() {
        let scope = row_of(&entry).scope;
        match entry.layer {
            "user" => assert_eq!(scope, Scope::User, "{}", entry.name),
            "main" => assert_eq!(scope, Scope::Main, "{}", entry.name),
            // Half an effect in vsftpd; each row decides for one side.
            "partly" => {}
            other => panic!("{other}"),
        }
    }
}
