//! Names of the variants of an enum, for people and programs, and what each name stands for.

/// Gives an enum whose variants have no fields `ALL`, in the order of this table, and both ways between a variant and its name.
macro_rules! named {
    ($enum:ident { $($variant:ident: $name:literal),+ $(,)? }) => {
        impl $enum {
            /// All of them, in their order.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// Its name, for people and programs.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }

            /// The one of this name.
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|one| one.name() == name)
            }
        }
    };
}
pub(crate) use named;
