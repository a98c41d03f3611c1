//! Numbers of things, for people.

/// Returns a number with the name of what it counts: `1 name`, `2 names`. `thing` is a singular that takes
/// an `s`.
///
/// ```
/// use ftp_proto::wire::counted;
///
/// assert_eq!(counted(1, "name"), "1 name");
/// assert_eq!(counted(0, "byte"), "0 bytes");
/// ```
pub fn counted(number: u64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}
