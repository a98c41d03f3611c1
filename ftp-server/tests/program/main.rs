//! The program from outside.

#[cfg(test)]
mod audit;
#[cfg(test)]
mod operator;
#[cfg(test)]
mod server;
#[cfg(test)]
mod session;
#[cfg(test)]
mod start;
#[cfg(test)]
mod unread;
