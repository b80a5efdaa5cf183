//! Models built into a firmware image.

/// A model file as `&'static [u8]`, placed at a multiple of 16 as [`Model::load`](crate::Model::load) needs it.
/// Takes a path as [`include_bytes!`] does.
///
/// ```
/// static FILE: &[u8] = mote_runtime::include_model!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/v2.mote"));
/// assert_eq!(FILE.as_ptr().addr() % 16, 0);
/// ```
#[macro_export]
macro_rules! include_model {
    ($path:expr $(,)?) => {{
        #[repr(C, align(16))]
        struct Aligned<T: ?Sized>(T);
        static MODEL: &Aligned<[u8]> = &Aligned(*include_bytes!($path));
        &MODEL.0
    }};
}
