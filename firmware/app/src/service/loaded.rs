//! What is kept of the model that runs: where its inputs and outputs are, and what they hold.

use mote_link::Refusal;
use mote_runtime::format::{MAX_PORTS, Port};
use mote_runtime::{Model, Ops};
use mote_store::Slot;

/// Part of the arena.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    offset: u32,
    bytes: u32,
}

/// The model that runs, as far as requests between runs need it.
#[derive(Debug)]
pub struct Loaded {
    /// Where its file is.
    pub slot: Slot,
    inputs: [Span; MAX_PORTS],
    outputs: [Span; MAX_PORTS],
    input_count: u8,
    output_count: u8,
    /// Bytes of each input that are there. A run may overwrite inputs, so none are after it.
    filled: [u32; MAX_PORTS],
    /// The outputs hold what the last run has left.
    ran: bool,
}

impl Loaded {
    /// Nothing is in the arena yet.
    pub fn new<O: Ops>(slot: Slot, model: &Model<'_, O>) -> Self {
        let (inputs, outputs) = (model.inputs(), model.outputs());
        Self {
            slot,
            inputs: spans(inputs),
            outputs: spans(outputs),
            input_count: inputs.len() as u8,
            output_count: outputs.len() as u8,
            filled: [0; MAX_PORTS],
            ran: false,
        }
    }

    /// The arena was used for something else.
    pub fn forget(&mut self) {
        (self.filled, self.ran) = ([0; MAX_PORTS], false);
    }

    /// A run is over.
    pub fn has_run(&mut self) {
        (self.filled, self.ran) = ([0; MAX_PORTS], true);
    }

    /// The input `port` is written from its start on, `length` bytes in all. Outputs share memory with inputs: they are gone.
    pub fn input_begin(&mut self, port: u8, length: u32) -> Result<(), Refusal> {
        let needed = port_of(&self.inputs, port, self.input_count)?.bytes;
        if length != needed {
            return Err(Refusal::InputBytes { needed, got: length });
        }
        self.ran = false;
        if let Some(filled) = self.filled.get_mut(usize::from(port)) {
            *filled = 0;
        }
        Ok(())
    }

    /// The next bytes of an input.
    pub fn input(&mut self, port: u8, offset: u32, bytes: &[u8], arena: &mut [u8]) -> Result<(), Refusal> {
        let span = port_of(&self.inputs, port, self.input_count)?;
        let past_end = Refusal::PastEnd { length: span.bytes };
        let input = arena.get_mut(span.offset as usize..).and_then(|rest| rest.get_mut(..span.bytes as usize));
        let rest = input.and_then(|input| input.get_mut(offset as usize..));
        let place = rest.and_then(|rest| rest.get_mut(..bytes.len())).ok_or(past_end)?;
        place.iter_mut().zip(bytes).for_each(|(place, &byte)| *place = byte);
        if let Some(filled) = self.filled.get_mut(usize::from(port)) {
            *filled = offset.saturating_add(bytes.len() as u32);
        }
        Ok(())
    }

    /// `Ok` if every input is there; else the first that is not, and how much of it is.
    pub fn ready(&self) -> Result<(), Refusal> {
        for (span, &filled) in self.inputs.iter().zip(&self.filled).take(self.input_count.into()) {
            if filled < span.bytes {
                return Err(Refusal::InputBytes { needed: span.bytes, got: filled });
            }
        }
        Ok(())
    }

    /// An output of the last run; of none, there are 0 bytes.
    pub fn output<'a>(&self, port: u8, arena: &'a [u8]) -> Result<&'a [u8], Refusal> {
        let span = port_of(&self.outputs, port, self.output_count)?;
        if !self.ran {
            return Err(Refusal::PastLast { count: 0 });
        }
        let output = arena.get(span.offset as usize..).and_then(|rest| rest.get(..span.bytes as usize));
        output.ok_or(Refusal::PastLast { count: 0 })
    }
}

fn spans(ports: &[Port]) -> [Span; MAX_PORTS] {
    let mut spans = [Span::default(); MAX_PORTS];
    for (span, port) in spans.iter_mut().zip(ports) {
        *span = Span { offset: port.offset, bytes: port.bytes().unwrap_or(0) };
    }
    spans
}

fn port_of(spans: &[Span], port: u8, count: u8) -> Result<Span, Refusal> {
    let span = spans.get(usize::from(port)).filter(|_| port < count);
    span.copied().ok_or(Refusal::PortUnknown { ports: count })
}
