//! A server of the crate libunftp for one user: `ADDRESS PORT ROOT USER PASSWORD`.

use async_trait::async_trait;
use libunftp::ServerBuilder;
use libunftp::options::ActivePassiveMode;
use std::net::SocketAddr;
use std::sync::Arc;
use unftp_core::auth::{AuthenticationError, Authenticator, Credentials, Principal};
use unftp_sbe_fs::Filesystem;

/// The only user.
#[derive(Debug)]
struct Only {
    user: String,
    password: String,
}

#[async_trait]
impl Authenticator for Only {
    async fn authenticate(&self, user: &str, given: &Credentials) -> Result<Principal, AuthenticationError> {
        if user == self.user && given.password.as_ref() == Some(&self.password) {
            Ok(Principal { username: user.to_owned() })
        } else {
            Err(AuthenticationError::BadPassword)
        }
    }
}

#[tokio::main]
async fn main() {
    let [address, port, root, user, password] = std::env::args().skip(1).collect::<Vec<_>>().try_into().unwrap();
    let server = ServerBuilder::new(Box::new(move || Filesystem::new(&root).unwrap()))
        .authenticator(Arc::new(Only { user, password }))
        .active_passive_mode(ActivePassiveMode::ActiveAndPassive)
        .build()
        .unwrap();
    let at = SocketAddr::new(address.parse().unwrap(), port.parse().unwrap());
    server.listen(at.to_string()).await.unwrap();
}
