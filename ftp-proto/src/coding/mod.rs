//! How the bytes of a file travel: the line ends of TYPE A, one piece of the file after another, and the
//! blocks of MODE B, and the stream of a group of files (PACK). TYPE I and TYPE L 8 change nothing.

mod block;
mod pack;

pub use block::{BlockCodes, BlockReader, NotBlocks};
pub use pack::{NotPack, PackPiece, PackReader, write_pack_head, write_unsent};

/// Translates local line ends (LF) to those of TYPE A (CR LF). An LF that already follows a CR stays as
/// it is, even if the CR ended the previous piece.
#[derive(Clone, Copy, Debug, Default)]
pub struct ToWire {
    after_cr: bool,
}

/// Translates the line ends of TYPE A (CR LF) to local ones (LF). A CR without an LF stays as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct FromWire {
    held_cr: bool,
}

impl ToWire {
    /// Appends the translated `piece` to `out`.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        for &byte in piece {
            if byte == b'\n' && !self.after_cr {
                out.push(b'\r');
            }
            out.push(byte);
            self.after_cr = byte == b'\r';
        }
    }
}

impl FromWire {
    /// Appends the translated `piece` to `out`. A CR at its end is held back until the next piece.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        for &byte in piece {
            if self.held_cr && byte != b'\n' {
                out.push(b'\r');
            }
            self.held_cr = byte == b'\r';
            if !self.held_cr {
                out.push(byte);
            }
        }
    }

    /// Appends what was held back. Call this at the end of the file: a CR at its end belongs to it.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.held_cr) {
            out.push(b'\r');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every way to cut the text into two pieces gives the same bytes.
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
