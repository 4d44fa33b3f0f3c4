//! `%` expansions in the value of `setenv` (hosts_access(5), "% EXPANSIONS").

use crate::client::Host;

/// The longest value; libwrap ends the process there, we refuse the client.
const LONGEST: usize = 8191;

/// The characters of an expansion that stand; any other becomes `_`.
const PUNCTUATION: &[u8] = b"!%+,-./:=@_";

/// What expansions speak of.
pub(crate) struct Facts<'a> {
    pub(crate) daemon: &'a str,
    pub(crate) client: &'a Host,
    pub(crate) server: &'a Host,
}

/// Why there is no value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Lack {
    /// It holds the client's name, and nobody has asked for it.
    Name,
    /// It grows beyond 8191 octets.
    Room,
}

/// Replaces `%` and a letter; an unknown letter by nothing, and a lone `%` at the end by itself.
pub(crate) fn expand(template: &[u8], facts: &Facts<'_>) -> Result<Vec<u8>, Lack> {
    let mut value = Vec::new();
    let mut octets = template.iter();
    while let Some(octet) = octets.next() {
        match (octet, octets.as_slice().first()) {
            (b'%', Some(letter)) => {
                octets.next();
                value.extend(expansion(*letter, facts)?.bytes().map(harmless));
            }
            _ => value.push(*octet),
        }
        if value.len() > LONGEST {
            return Err(Lack::Room);
        }
    }
    Ok(value)
}

/// The server's own name is never asked for, and no client is asked who its user is.
fn expansion(letter: u8, facts: &Facts<'_>) -> Result<String, Lack> {
    let Facts { daemon, client, server } = facts;
    Ok(match letter {
        b'a' => client.text.clone(),
        b'A' | b'H' => server.text.clone(),
        b'c' | b'h' => client.name_or_address().ok_or(Lack::Name)?.to_owned(),
        b'd' => (*daemon).to_owned(),
        b'n' => client.name().ok_or(Lack::Name)?.to_owned(),
        b'N' | b'u' => "unknown".to_owned(),
        b'p' => std::process::id().to_string(),
        b'r' => client.port.to_string(),
        b'R' => server.port.to_string(),
        b's' => format!("{daemon}@{}", server.text),
        b'%' => "%".to_owned(),
        _ => String::new(),
    })
}

fn harmless(octet: u8) -> u8 {
    if octet.is_ascii_alphanumeric() || PUNCTUATION.contains(&octet) { octet } else { b'_' }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Name;

    fn expanded(template: &str, name: Name) -> Result<String, Lack> {
        let client = Host::new("192.0.2.1:4242".parse().unwrap(), name);
        let server = Host::new("[2001:db8::1]:21".parse().unwrap(), Name::Unknown);
        let facts = Facts { daemon: "vsftpd", client: &client, server: &server };
        expand(template.as_bytes(), &facts).map(|value| String::from_utf8(value).unwrap())
    }

    #[test]
    fn every_letter_of_the_manual_has_its_text() {
        let name = Name::Known("a.example".into());
        assert_eq!(expanded("%a %A %r %R", name.clone()).unwrap(), "192.0.2.1 2001:db8::1 4242 21");
        assert_eq!(expanded("%c %h %n", name.clone()).unwrap(), "a.example a.example a.example");
        assert_eq!(expanded("%H %N %u", name.clone()).unwrap(), "2001:db8::1 unknown unknown");
        assert_eq!(expanded("%d %s", name.clone()).unwrap(), "vsftpd vsftpd@2001:db8::1");
        assert_eq!(expanded("%p", name.clone()).unwrap(), std::process::id().to_string());
        assert_eq!(expanded("%%a%x%", name).unwrap(), "%a%");
    }

    #[test]
    fn without_a_name_the_address_stands_for_it() {
        assert_eq!(expanded("%c %h %n", Name::Unknown).unwrap(), "192.0.2.1 192.0.2.1 unknown");
        assert_eq!(expanded("%c %h %n", Name::Mismatched).unwrap(), "192.0.2.1 192.0.2.1 paranoid");
    }

    #[test]
    fn a_name_nobody_asked_for_is_said_to_be_lacking() {
        assert_eq!(expanded("%n", Name::NotAsked), Err(Lack::Name));
        assert_eq!(expanded("%a", Name::NotAsked).unwrap(), "192.0.2.1");
    }

    #[test]
    fn a_name_cannot_bring_shell_characters() {
        assert_eq!(expanded("$;%n", Name::Known("a;$(b) c`é".into())).unwrap(), "$;a___b__c___");
    }

    #[test]
    fn a_value_has_a_longest_length() {
        assert_eq!(expanded(&"%n".repeat(9), Name::Known("a".repeat(1000))), Err(Lack::Room));
    }
}
