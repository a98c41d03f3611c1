//! Panics of the programs of a world. The scheduler of a program catches those of most of its tasks.

use std::cell::RefCell;
use std::panic;
use std::sync::Once;

thread_local! {
    static PANICS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// From now on the panics of this process are kept, for the thread of each.
pub(super) fn keep() {
    static KEPT: Once = Once::new();
    KEPT.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            PANICS.with_borrow_mut(|all| all.push(panic.to_string()));
            before(panic);
        }));
    });
}

/// The panics of this thread since the last call.
pub(super) fn take() -> Vec<String> {
    PANICS.take()
}
