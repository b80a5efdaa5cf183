//! One node of the file, with checked access to its attributes.

use tract_onnx::pb;
use tract_onnx::pb::attribute_proto::AttributeType;

use super::ImportError;
use super::decode::is_default_domain;

/// A node and the opset it is to be read with.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    pub proto: &'a pb::NodeProto,
    pub opset: i64,
}

impl<'a> Node<'a> {
    /// Operator name.
    pub fn op(&self) -> &'a str {
        &self.proto.op_type
    }

    /// Operator name with its domain, unless that is the default one.
    pub fn qualified_op(&self) -> String {
        if is_default_domain(&self.proto.domain) {
            self.op().to_owned()
        } else {
            format!("{}.{}", self.proto.domain, self.op())
        }
    }

    /// What errors call the node.
    pub fn label(&self) -> String {
        if self.proto.name.is_empty() { format!("output {}", self.output(0)) } else { self.proto.name.clone() }
    }

    /// What the graph calls the node.
    pub fn name(&self) -> &'a str {
        if self.proto.name.is_empty() { self.output(0) } else { &self.proto.name }
    }

    /// Name of an operand, if it is given.
    pub fn input(&self, index: usize) -> Option<&'a str> {
        self.proto.input.get(index).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// Name of a result; empty if it is left out.
    pub fn output(&self, index: usize) -> &'a str {
        self.proto.output.get(index).map_or("", String::as_str)
    }

    /// Operands that are given.
    pub fn given_inputs(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.proto.input.iter().map(String::as_str).filter(|name| !name.is_empty())
    }

    fn attribute(
        &self,
        name: &'static str,
        kind: AttributeType,
    ) -> Result<Option<&'a pb::AttributeProto>, ImportError> {
        let Some(found) = self.proto.attribute.iter().find(|a| a.name == name) else { return Ok(None) };
        // Very old writers leave the type out.
        if found.r#type == kind as i32 || found.r#type == AttributeType::Undefined as i32 {
            return Ok(Some(found));
        }
        let got = AttributeType::try_from(found.r#type).map_or("an unknown type", |t| t.as_str_name());
        Err(self.bad_attribute(name, format!("is {got}, expected {}", kind.as_str_name())))
    }

    /// Error about an attribute.
    pub fn bad_attribute(&self, attribute: &str, reason: impl Into<String>) -> ImportError {
        ImportError::Attribute { node: self.label(), attribute: attribute.to_owned(), reason: reason.into() }
    }

    pub fn int(&self, name: &'static str) -> Result<Option<i64>, ImportError> {
        Ok(self.attribute(name, AttributeType::Int)?.map(|a| a.i))
    }

    pub fn int_or(&self, name: &'static str, default: i64) -> Result<i64, ImportError> {
        Ok(self.int(name)?.unwrap_or(default))
    }

    pub fn float(&self, name: &'static str) -> Result<Option<f32>, ImportError> {
        Ok(self.attribute(name, AttributeType::Float)?.map(|a| a.f))
    }

    pub fn float_or(&self, name: &'static str, default: f32) -> Result<f32, ImportError> {
        Ok(self.float(name)?.unwrap_or(default))
    }

    pub fn ints(&self, name: &'static str) -> Result<Option<&'a [i64]>, ImportError> {
        Ok(self.attribute(name, AttributeType::Ints)?.map(|a| a.ints.as_slice()))
    }

    pub fn floats(&self, name: &'static str) -> Result<Option<&'a [f32]>, ImportError> {
        Ok(self.attribute(name, AttributeType::Floats)?.map(|a| a.floats.as_slice()))
    }

    pub fn string_or(&self, name: &'static str, default: &'static str) -> Result<&'a str, ImportError> {
        let Some(found) = self.attribute(name, AttributeType::String)? else { return Ok(default) };
        std::str::from_utf8(&found.s).map_err(|_| self.bad_attribute(name, "is not text"))
    }

    pub fn tensor(&self, name: &'static str) -> Result<Option<&'a pb::TensorProto>, ImportError> {
        let Some(found) = self.attribute(name, AttributeType::Tensor)? else { return Ok(None) };
        found.t.as_ref().map(Some).ok_or_else(|| self.bad_attribute(name, "holds no tensor"))
    }

    /// Error about an operand's shape.
    pub fn shape_error(&self, expected: impl Into<String>, got: impl std::fmt::Debug) -> ImportError {
        ImportError::Shape {
            node: self.label(),
            op: self.op().to_owned(),
            expected: expected.into(),
            got: format!("{got:?}"),
        }
    }

    /// Makes an axis that may count from the end count from the start. `rank` may include one more axis than exist.
    pub fn axis(&self, axis: i64, rank: usize) -> Result<usize, ImportError> {
        let positive = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
        let fits = positive.and_then(|a| usize::try_from(a).ok()).filter(|&a| a < rank);
        fits.ok_or_else(|| self.bad_attribute("axis", format!("is {axis}, outside of rank {rank}")))
    }

    /// Axes as [`Self::axis`]; duplicates are refused.
    pub fn axes(&self, axes: &[i64], rank: usize) -> Result<Vec<usize>, ImportError> {
        let mut found = axes.iter().map(|&a| self.axis(a, rank)).collect::<Result<Vec<_>, _>>()?;
        found.sort_unstable();
        if found.windows(2).any(|w| w[0] == w[1]) {
            return Err(self.bad_attribute("axes", format!("{axes:?} name an axis twice")));
        }
        Ok(found)
    }
}
