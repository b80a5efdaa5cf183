//! Float32 kernels, behind the feature `f32`.

pub mod add;
pub mod average_pool2d;
pub mod conv2d;
pub mod fully_connected;
pub mod max_pool2d;
pub mod mean;
pub mod mul;
pub mod softmax;
pub mod unary;
