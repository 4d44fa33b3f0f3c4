//! The value of listen_fds: sockets that listen already when the server starts.

use bstr::ByteSlice;

use crate::Config;

/// The first descriptor that is not one of the three that every process has.
const FIRST: i32 = 3;

/// A descriptor that whoever starts the server has opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenFd {
    /// Its number.
    pub number: i32,
    /// Whether it is a passive port; otherwise clients call there.
    pub is_data: bool,
}

impl Config {
    /// Reads listen_fds.
    ///
    /// Fails with the first word that cannot be read, or that names a descriptor a second time.
    pub fn listen_fds(&self) -> Result<Vec<ListenFd>, String> {
        let mut read: Vec<ListenFd> = Vec::new();
        for text in self.wharf.listen_fds.iter().flatten() {
            let one = text.to_str().ok().and_then(listen_fd).ok_or_else(|| text.to_string())?;
            if read.iter().any(|other| other.number == one.number) {
                return Err(text.to_string());
            }
            read.push(one);
        }
        Ok(read)
    }
}

fn listen_fd(text: &str) -> Option<ListenFd> {
    let (number, is_data) = match text.split_once(':') {
        None => (text, false),
        // A list is read in capital letters.
        Some((number, kind)) if kind.trim().eq_ignore_ascii_case("control") => (number, false),
        Some((number, kind)) if kind.trim().eq_ignore_ascii_case("data") => (number, true),
        Some(_) => return None,
    };
    let number = number.trim().parse().ok().filter(|number| *number >= FIRST)?;
    Some(ListenFd { number, is_data })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(i32, bool)>, String> {
        let text = format!("listen_fds={text}\n");
        let config = crate::parse(text.as_bytes(), None, &Config::default()).unwrap().config;
        Ok(config.listen_fds()?.into_iter().map(|one| (one.number, one.is_data)).collect())
    }

    #[test]
    fn a_number_alone_is_for_clients_and_a_word_tells_the_others() {
        assert_eq!(read("3"), Ok(vec![(3, false)]));
        assert_eq!(read("3:control,4:data,9:data"), Ok(vec![(3, false), (4, true), (9, true)]));
        assert_eq!(read(""), Ok(vec![]));
    }

    #[test]
    fn what_is_no_descriptor_or_is_named_twice_is_refused() {
        for bad in ["0", "2:data", "x", "-1", "3:udp", "3,3:data"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
