//! Folded headers (RFC 3261 §7.3.1) and white space where hardly anybody puts it (§25.1), made plain before the
//! stack reads them: it takes neither in Via and `CSeq`, by which an answer finds its way.

use rsipstack::sip::Header;
use rsipstack::sip::headers::{Headers, make_header};

/// The datagram without folds; `None` when it has none, as nearly all.
pub(crate) fn unfolded(datagram: &[u8]) -> Option<Vec<u8>> {
    let end = find(datagram, b"\r\n\r\n")?;
    let head = &datagram[..end];
    if find(head, b"\r\n ").is_none() && find(head, b"\r\n\t").is_none() {
        return None;
    }
    let mut plain = Vec::with_capacity(datagram.len());
    let mut lines = Lines { rest: head }.peekable();
    while let Some(line) = lines.next() {
        let mut whole = line.to_vec();
        while let Some(more) = lines.next_if(|next| next.first().copied().is_some_and(is_blank)) {
            let text = more.trim_ascii();
            if !text.is_empty() {
                whole.push(b' ');
                whole.extend_from_slice(text);
            }
        }
        if !plain.is_empty() {
            plain.extend_from_slice(b"\r\n");
        }
        plain.extend_from_slice(&squeezed(whole));
    }
    plain.extend_from_slice(&datagram[end..]);
    Some(plain)
}

/// Makes the headers of a message plain that came in a stream: the stack has joined its folds, and left the white space.
pub(crate) fn plain(headers: &mut Headers) {
    for header in headers.iter_mut() {
        let (Header::Via(_) | Header::CSeq(_) | Header::From(_) | Header::To(_)) = header else {
            continue;
        };
        let value = header.value();
        if !["; ", " ;", "= ", " =", "/ ", " /"]
            .iter()
            .any(|blank| value.contains(blank))
        {
            continue;
        }
        let line = squeezed(format!("{}:{value}", header.name()).into_bytes());
        let line = String::from_utf8_lossy(&line);
        if let Some((name, value)) = line.split_once(':') {
            *header = make_header(name, value.to_owned());
        }
    }
}

/// A Via or `CSeq` without the white space that means nothing, and so the parameters of From and To; any other line
/// as it is.
fn squeezed(line: Vec<u8>) -> Vec<u8> {
    let Some(colon) = line.iter().position(|octet| *octet == b':') else {
        return line;
    };
    let name = line[..colon].trim_ascii();
    let is = |known: &&str| name.eq_ignore_ascii_case(known.as_bytes());
    let start = if ["via", "v", "cseq"].iter().any(is) {
        colon
    } else if ["from", "f", "to", "t"].iter().any(is) {
        let end = line.iter().rposition(|octet| *octet == b'>');
        end.filter(|end| *end > colon).unwrap_or(colon)
    } else {
        return line;
    };
    let mut plain = line[..=start].to_vec();
    let mut pending = false;
    for octet in line[start + 1..].trim_ascii() {
        if is_blank(*octet) {
            pending = true;
            continue;
        }
        let separates = b"/;=,".contains(octet);
        let after = plain.last().is_some_and(|last| b"/;=,:>".contains(last));
        if std::mem::take(&mut pending) && !separates && !after {
            plain.push(b' ');
        }
        plain.push(*octet);
    }
    plain
}

fn is_blank(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let (line, rest) = match find(self.rest, b"\r\n") {
            Some(end) => (&self.rest[..end], &self.rest[end + 2..]),
            None => (self.rest, &self.rest[self.rest.len()..]),
        };
        self.rest = rest;
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn folds_become_one_space_and_a_via_becomes_plain() {
        let folded = b"OPTIONS sip:a SIP/2.0\r\ncseq: 0009\r\n  INVITE\r\nVia  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.2 ; branch = x ,\r\n SIP/2.0/TCP  b\r\nf: \"a ; b\" <sip:a> ;\r\n tag = 1\r\nSubject: a\r\n\tb = c\r\n\r\nbody\r\n body";
        let plain = "OPTIONS sip:a SIP/2.0\r\ncseq:0009 INVITE\r\nVia  :SIP/2.0/UDP 192.0.2.2;branch=x,SIP/2.0/TCP b\r\nf: \"a ; b\" <sip:a>;tag=1\r\nSubject: a b = c\r\n\r\nbody\r\n body";
        let got = unfolded(folded).expect("it has folds");
        assert_eq!(String::from_utf8_lossy(&got), plain);
        assert_eq!(unfolded(&got), None);
    }

    proptest! {
        #[test]
        fn nothing_becomes_longer(text in "[a-z:;/= \t\r\n]{0,80}") {
            let text = text.replace('\n', "\r\n");
            if let Some(plain) = unfolded(text.as_bytes()) {
                prop_assert!(plain.len() <= text.len());
            }
        }
    }
}
