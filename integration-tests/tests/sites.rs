//! Sites of the settings: their places, what holds for them alone, and the verb `sites`.

mod defaults;
mod kept;
mod places;
