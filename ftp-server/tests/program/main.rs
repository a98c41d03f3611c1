//! The program from outside.

#[cfg(test)]
mod audit;
#[cfg(test)]
mod hook;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod operator;
#[cfg(all(test, feature = "pam"))]
mod pam;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod run_as;
#[cfg(test)]
mod server;
#[cfg(test)]
mod session;
#[cfg(test)]
mod start;
#[cfg(test)]
mod systemd;
#[cfg(test)]
mod unread;
