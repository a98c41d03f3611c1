//! Which arguments of a verb are places, and what the verb does with them. Pure.

use super::search::Purpose;

/// What a verb does with an operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// It is no place.
    Plain,
    /// It is there, and this is done with it.
    There(Purpose),
    /// It may be there or not: something is stored or made there.
    Destination,
}

/// The role of the operand with this index of so many.
pub fn role(verb: &str, index: usize, of: usize) -> Role {
    let is_last = index + 1 == of && of > 1;
    match verb {
        "ls" | "tree" => Role::There(Purpose::List),
        "stat" | "cat" | "hash" | "where" | "probe" => Role::There(Purpose::Read),
        "copy" | "append" | "move" | "mv" | "sync" if is_last => Role::Destination,
        "copy" | "append" | "sync" => Role::There(Purpose::Read),
        "move" | "mv" | "rm" => Role::There(Purpose::Change),
        "mkdir" => Role::Destination,
        _ => Role::Plain,
    }
}

/// Whether a verb takes its operands away from their names, so that none may be what the shell stands in.
pub fn takes_away(verb: &str) -> bool {
    matches!(verb, "rm" | "mv")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_place_of_a_copy_is_its_destination() {
        use Purpose::{Change, List, Read};
        use Role::{Destination, Plain, There};
        for (verb, expect) in [
            ("copy", [There(Read), There(Read), Destination]),
            ("move", [There(Change), There(Change), Destination]),
            ("rm", [There(Change); 3]),
            ("ls", [There(List); 3]),
            ("mkdir", [Destination; 3]),
            ("sites", [Plain; 3]),
            ("resume", [Plain; 3]),
        ] {
            assert_eq!([0, 1, 2].map(|index| role(verb, index, 3)), expect, "{verb}");
        }
        assert_eq!(role("copy", 0, 1), There(Read));
    }
}
