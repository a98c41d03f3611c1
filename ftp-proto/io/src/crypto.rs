//! The cryptography below TLS, named once for all programs.
//!
//! It is *ring*, or aws-lc-rs with the feature `aws-lc`. It is always passed explicitly: whatever the default of
//! the process is does not matter.

use std::io;
use std::sync::Arc;

#[cfg(feature = "aws-lc")]
use rustls::crypto::aws_lc_rs as library;
#[cfg(not(feature = "aws-lc"))]
use rustls::crypto::ring as library;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::ProducesTickets;
use rustls::sign::SigningKey;
use rustls::{CipherSuite, SupportedCipherSuite};

/// The provider of cryptography, with the suites in our order: AES-128 before AES-256, which takes a third
/// longer and is not needed, and ChaCha20 last.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    let mut provider = library::default_provider();
    provider.cipher_suites.sort_by_key(|suite| Cipher::of(suite.suite()));
    Arc::new(provider)
}

/// Encrypts the tickets of one server, with keys that change.
///
/// # Errors
///
/// There are no random bytes for its keys.
pub(crate) fn ticketer() -> io::Result<Arc<dyn ProducesTickets>> {
    library::Ticketer::new().map_err(io::Error::other)
}

/// A private key of Ed25519 (RFC 8410 7) for signatures.
///
/// # Errors
///
/// It is not such a key.
pub(crate) fn ed25519(key: &PrivatePkcs8KeyDer<'_>) -> io::Result<Arc<dyn SigningKey>> {
    library::sign::any_eddsa_type(key).map_err(io::Error::other)
}

/// Whether a client that names these suites, the best one first, has a processor without AES: such clients
/// put ChaCha20 first. A server then keeps the client's order.
pub(crate) fn lacks_aes(suites: &[CipherSuite]) -> bool {
    let known = |suite: &&CipherSuite| {
        library::ALL_CIPHER_SUITES.iter().map(SupportedCipherSuite::suite).any(|ours| ours == **suite)
    };
    suites.iter().find(known).is_some_and(|first| Cipher::of(*first) == Cipher::ChaCha20)
}

/// The cipher of a suite, the best one first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Cipher {
    Aes128,
    Aes256,
    ChaCha20,
    Other,
}

impl Cipher {
    /// The cipher of a suite: those of TLS 1.3, and of TLS 1.2 with keys of both kinds.
    #[allow(clippy::wildcard_enum_match_arm, reason = "the suites are not ours")]
    const fn of(suite: CipherSuite) -> Self {
        match suite {
            CipherSuite::TLS13_AES_128_GCM_SHA256
            | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
            | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => Self::Aes128,
            CipherSuite::TLS13_AES_256_GCM_SHA384
            | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
            | CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => Self::Aes256,
            CipherSuite::TLS13_CHACHA20_POLY1305_SHA256
            | CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
            | CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => Self::ChaCha20,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use CipherSuite as Is;

    #[test]
    fn each_suite_of_the_provider_has_its_cipher_and_aes_128_comes_first() {
        let ciphers: Vec<_> =
            provider().cipher_suites.iter().map(|suite| Cipher::of(suite.suite())).collect();
        assert_eq!(ciphers.first(), Some(&Cipher::Aes128));
        assert!(ciphers.is_sorted() && !ciphers.contains(&Cipher::Other), "{ciphers:?}");
        assert_eq!(ciphers.len(), library::ALL_CIPHER_SUITES.len());
    }

    #[test]
    fn only_a_client_that_puts_chacha20_first_lacks_aes() {
        let (chacha, aes) = (Is::TLS13_CHACHA20_POLY1305_SHA256, Is::TLS13_AES_256_GCM_SHA384);
        for (suites, lacks) in [
            (vec![], false),
            (vec![aes, chacha], false),
            (vec![chacha, aes], true),
            // Suites that this server does not have say nothing.
            (vec![Is::TLS_RSA_WITH_AES_128_CBC_SHA, chacha, aes], true),
            (vec![Is::Unknown(0x0a0a), Is::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256], true),
            (vec![Is::Unknown(0x0a0a), Is::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, chacha], false),
        ] {
            assert_eq!(lacks_aes(&suites), lacks, "{suites:?}");
        }
    }
}
