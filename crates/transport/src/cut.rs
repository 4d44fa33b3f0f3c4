//! Cuts what arrives during a handshake into records (RFC 8446 §5.1), so that the library is given one at a time and
//! holds nothing of what comes after its last.

/// Finds where records end in octets that come in any pieces.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Cut {
    header: [u8; 5],
    held: usize,
    /// Octets of the record's body that are still to come.
    body: usize,
}

impl Cut {
    /// Takes off `rest` what belongs to the record that is arriving.
    pub(crate) fn part<'a>(&mut self, rest: &mut &'a [u8]) -> &'a [u8] {
        let all = *rest;
        let mut count = 0;
        if self.body == 0 {
            // Without a body left, a header is arriving.
            for (place, octet) in self.header.iter_mut().skip(self.held).zip(all) {
                *place = *octet;
                count += 1;
            }
            self.held += count;
            if self.held < self.header.len() {
                *rest = &[];
                return all;
            }
            self.held = 0;
            let [.., high, low] = self.header;
            self.body = u16::from_be_bytes([high, low]).into();
        }
        let body = self.body.min(all.len() - count);
        self.body -= body;
        let (part, behind) = all.split_at_checked(count + body).unwrap_or((all, &[]));
        *rest = behind;
        part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_cut_where_they_end_whatever_the_pieces() {
        let wire: Vec<u8> = [3_u16, 0, 300, 1]
            .iter()
            .flat_map(|&length| {
                let [high, low] = length.to_be_bytes();
                [vec![22, 3, 3, high, low], vec![9; length.into()]].concat()
            })
            .collect();
        let ends = [8, 13, 318, 324];
        for piece in [1, 2, 5, 7, 100, 1000] {
            let (mut cut, mut at) = (Cut::default(), 0);
            for octets in wire.chunks(piece) {
                let mut rest = octets;
                while !rest.is_empty() {
                    let part = cut.part(&mut rest);
                    assert!(!part.is_empty());
                    let begin = at;
                    at += part.len();
                    assert!(!ends.iter().any(|&end| begin < end && end < at), "{piece}: {begin}..{at}");
                }
            }
            assert_eq!(at, wire.len());
        }
    }
}
