//! Models built into a firmware image.

/// A model file as `&'static [u8]`, placed at a multiple of 16 as [`Model::load`](crate::Model::load) needs it.
/// Takes a path as [`include_bytes!`] does.
///
/// ```ignore
/// static KWS: &[u8] = mote_runtime::include_model!("kws.mote");
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
