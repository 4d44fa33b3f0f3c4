//! The `${NAME}` of a script: given by the caller, never by a server.

use std::collections::BTreeMap;

use crate::printable;

/// Names and what stands for them. Some are secret: they are said to servers and shown to nobody.
#[derive(Clone, Default)]
pub struct Variables {
    values: BTreeMap<String, Vec<u8>>,
    secrets: Vec<Vec<u8>>,
}

impl Variables {
    /// Sets a variable that may be shown.
    pub fn set(&mut self, name: &str, value: &[u8]) {
        self.values.insert(name.to_owned(), value.to_vec());
    }

    /// Sets a variable that no output will hold, also when a server repeats it.
    pub fn set_secret(&mut self, name: &str, value: &[u8]) {
        self.set(name, value);
        if !value.is_empty() {
            self.secrets.push(value.to_vec());
        }
    }

    /// Returns a line with every variable replaced by its value.
    pub(crate) fn expand(&self, line: &[u8]) -> Result<Vec<u8>, String> {
        let mut expanded = Vec::new();
        let mut rest = line;
        while let Some((before, name, after)) = reference(rest) {
            expanded.extend_from_slice(before);
            let name = String::from_utf8_lossy(name).into_owned();
            let Some(value) = self.values.get(&name) else {
                let name = printable(name.as_bytes());
                return Err(format!("nothing is set for ${{{name}}}; give it with --set {name}=VALUE"));
            };
            expanded.extend_from_slice(value);
            rest = after;
        }
        expanded.extend_from_slice(rest);
        Ok(expanded)
    }

    /// Returns the values that must not be shown.
    pub(crate) fn secrets(&self) -> &[Vec<u8>] {
        &self.secrets
    }
}

/// Splits a line at its first `${NAME}`.
fn reference(line: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let start = line.windows(2).position(|pair| pair == b"${")?;
    let (before, rest) = line.split_at_checked(start)?;
    let rest = rest.strip_prefix(b"${")?;
    let end = rest.iter().position(|octet| *octet == b'}')?;
    let (name, rest) = rest.split_at_checked(end)?;
    Some((before, name, rest.strip_prefix(b"}")?))
}

/// Replaces every occurrence of some octets by others.
pub(crate) fn replaced(text: &[u8], wanted: &[u8], with: &[u8]) -> Vec<u8> {
    let mut result = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(octet) = rest.first() {
        match rest.strip_prefix(wanted) {
            Some(after) if !wanted.is_empty() => {
                result.extend_from_slice(with);
                rest = after;
            }
            _ => {
                result.push(*octet);
                rest = rest.get(1..).unwrap_or_default();
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_stands_for_its_value() {
        let mut variables = Variables::default();
        variables.set("USER", b"anna");
        assert_eq!(variables.expand(b"USER ${USER}/${USER}$").unwrap(), b"USER anna/anna$");
        assert!(variables.expand(b"PASS ${PASS}").unwrap_err().contains("--set PASS="));
    }

    #[test]
    fn a_value_is_not_expanded_again() {
        let mut variables = Variables::default();
        variables.set("A", b"${A}");
        assert_eq!(variables.expand(b"x${A}y").unwrap(), b"x${A}y");
    }

    #[test]
    fn nothing_is_replaced_by_looking_for_nothing() {
        assert_eq!(replaced(b"abc", b"", b"x"), b"abc");
        assert_eq!(replaced(b"abcab", b"ab", b"x"), b"xcx");
    }
}
