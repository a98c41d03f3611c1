//! Even and odd port numbers.

/// Which numbers of a port will do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Parity {
    /// Every number will do.
    #[default]
    Any,
    /// Even numbers. In 1973 these sockets received (RFC 354).
    Even,
    /// Odd numbers. In 1973 these sockets sent.
    Odd,
}

impl Parity {
    /// Whether `port` will do.
    pub const fn allows(self, port: u16) -> bool {
        match self {
            Self::Any => true,
            Self::Even => port.is_multiple_of(2),
            Self::Odd => !port.is_multiple_of(2),
        }
    }
}
