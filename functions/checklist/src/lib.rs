use common::function::Function;

pub static FUNCTIONS: &[&Function] = &[];
