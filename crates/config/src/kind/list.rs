//! Names separated by commas; an empty value means that there is no list at all.

use bstr::{BString, ByteSlice, join};

use super::{Advice, Kind, Outcome};

pub(crate) type Field = Option<Vec<BString>>;
pub(crate) const KIND: Kind = Kind::List;

pub(crate) fn preset(value: Option<&'static str>) -> Field {
    value.map(|text| names(text.as_bytes()))
}

pub(crate) fn read(text: &[u8]) -> Outcome<Field> {
    if text.contains(&0) {
        return Err(Advice::new("NUL in the value", "remove the octet 0 from this line"));
    }
    if text.is_empty() {
        return Ok((None, None));
    }
    let names = names(text);
    let advice = (join(",", &names) != text).then(|| {
        Advice::new(
            "vsftpd compares these names letter for letter and would never match some of them",
            "write capital letters and commas without blanks; here the list is read as it was meant",
        )
    });
    Ok((Some(names), advice))
}

pub(crate) fn write(value: &Field) -> BString {
    match value.as_deref() {
        None => BString::default(),
        // A list that names nothing differs from no list.
        Some([]) => ",".into(),
        Some(names) => join(",", names).into(),
    }
}

fn names(text: &[u8]) -> Vec<BString> {
    text.split_str(",")
        .map(|name| BString::from(name.trim().to_ascii_uppercase()))
        .filter(|name| !name.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_small_letters_are_read_as_meant_and_told() {
        let (names, advice) = read(b"USER, pass,").unwrap();
        assert_eq!(names.unwrap(), ["USER", "PASS"]);
        assert!(advice.is_some());
    }

    #[test]
    fn a_list_of_nothing_is_not_the_same_as_no_list() {
        let nothing = read(b",").unwrap().0;
        assert_eq!(nothing, Some(Vec::new()));
        assert_eq!(read(&write(&nothing)).unwrap().0, nothing);
        assert_eq!(read(b"").unwrap().0, None);
    }
}
