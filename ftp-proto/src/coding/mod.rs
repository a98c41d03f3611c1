//! How the octets of a file travel: TYPE A turns line ends into CR LF and back, across the borders
//! of buffers. TYPE I, L 8 need nothing.

/// Local line ends (LF) to the wire (CR LF), piece by piece. An LF that already follows a CR stays
/// as it is, also when the CR ended the previous piece.
#[derive(Clone, Copy, Debug, Default)]
pub struct ToWire {
    after_cr: bool,
}

/// CR LF of the wire to LF, piece by piece; a CR without LF stays.
#[derive(Clone, Copy, Debug, Default)]
pub struct FromWire {
    held_cr: bool,
}

impl ToWire {
    /// Appends the wire form of `piece` to `out`.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        for &octet in piece {
            if octet == b'\n' && !self.after_cr {
                out.push(b'\r');
            }
            out.push(octet);
            self.after_cr = octet == b'\r';
        }
    }
}

impl FromWire {
    /// Appends the local form of `piece` to `out`; a CR at its end is held until the next piece.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        for &octet in piece {
            if self.held_cr && octet != b'\n' {
                out.push(b'\r');
            }
            self.held_cr = octet == b'\r';
            if !self.held_cr {
                out.push(octet);
            }
        }
    }

    /// The end of the file: a held CR is part of it.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.held_cr) {
            out.push(b'\r');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every way to cut the text into two pieces gives the same octets.
    #[test]
    fn line_ends_are_right_at_every_buffer_border() {
        let text = b"a\nb\r\nc\rd\n\n\r";
        let wire = b"a\r\nb\r\nc\rd\r\n\r\n\r";
        let local = b"a\nb\nc\rd\n\n\r";
        for cut in 0..=text.len() {
            let (mut to, mut out) = (ToWire::default(), Vec::new());
            to.push(&text[..cut], &mut out);
            to.push(&text[cut..], &mut out);
            assert_eq!(out, wire, "cut at {cut}");
        }
        for cut in 0..=wire.len() {
            let (mut from, mut out) = (FromWire::default(), Vec::new());
            from.push(&wire[..cut], &mut out);
            from.push(&wire[cut..], &mut out);
            from.finish(&mut out);
            assert_eq!(out, local, "cut at {cut}");
        }
    }
}
