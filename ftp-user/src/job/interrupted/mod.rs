//! What can be done with a job that nobody runs.
//!
//! | file | what |
//! |---|---|
//! | `cancel` | removes what it has left |
//! | `inquiry` | how far its detached transfer is |

pub(in crate::job) mod cancel;
pub(in crate::job) mod inquiry;
