//! Names of files that are still being received: `.ftp-<32 hex>.part` (extensions, "Names under way"). No
//! command may use them, and no listing shows them.

/// Whether `name`, one name of a path, is that of a file that is still being received.
pub fn is_partial(name: &[u8]) -> bool {
    let middle = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX));
    middle.is_some_and(|hex| hex.len() == 2 * RANDOM && hex.iter().all(u8::is_ascii_hexdigit))
}

/// The name of a file that is going to be received. It cannot be guessed if `random` is random.
pub fn partial_name(random: [u8; RANDOM]) -> Vec<u8> {
    let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    [PREFIX, hex.as_bytes(), SUFFIX].concat()
}

const PREFIX: &[u8] = b".ftp-";
const SUFFIX: &[u8] = b".part";
/// Random bytes in a name.
const RANDOM: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_form_are_reserved() {
        assert_eq!(partial_name([0xab; 16]), b".ftp-abababababababababababababababab.part");
        assert!(is_partial(&partial_name([7; 16])));
        for name in ["", ".part", ".ftp-.part", ".ftp-ab.part", "ftp-abababababababababababababababab.part"] {
            assert!(!is_partial(name.as_bytes()), "{name}");
        }
        assert!(!is_partial(b".ftp-xbababababababababababababababab.part"));
    }
}
