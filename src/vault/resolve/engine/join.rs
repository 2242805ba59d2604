//! The end of a name: the values it refers to are judged and joined to its own.

use std::rc::Rc;

use crate::types::Secret;
use crate::vault::reference::Segment;

use super::super::error::Reason;
use super::super::outcome::{Break, Built, Fault, NodeIndex, Outcome};
use super::super::source::Source;
use super::super::{MAX_BREAKS_PER_NAME, MAX_REFERENCE_DEPTH, MAX_VALUE_LEN};
use super::{Engine, Frame, Node, Progress, Step, Target};

impl<S: Source> Engine<'_, S> {
    /// Settles a value whose references are settled.
    pub(super) fn leave(&mut self, frame: Frame) -> Step<(), S> {
        let outcome = match self.gather(&frame) {
            Ok(used) => self.join(&frame, &used)?,
            Err(fault) => Err(Rc::new(fault)),
        };
        self.nodes[frame.node].progress = Progress::Settled(outcome);
        Ok(())
    }

    /// What the references of a frame came to, in order, or all that is wrong with them.
    fn gather(&self, frame: &Frame) -> Result<Vec<Rc<Built>>, Fault> {
        let mut used = Vec::with_capacity(frame.targets.len());
        let mut fault = Fault { breaks: Vec::new(), height: 0 };
        for target in &frame.targets {
            match self.judge(frame.node, target) {
                Ok(built) => used.push(built),
                Err((broken, height)) => {
                    fault.height = fault.height.max(height);
                    if fault.breaks.len() < MAX_BREAKS_PER_NAME && !fault.breaks.contains(&broken) {
                        fault.breaks.push(broken);
                    }
                }
            }
        }
        if fault.breaks.is_empty() {
            Ok(used)
        } else if fault.height > MAX_REFERENCE_DEPTH {
            // Both are true; this one keeps the paths of messages as short as those of values.
            Err(Fault::here(Reason::TooDeep))
        } else {
            Err(fault)
        }
    }

    /// What one reference came to, as `holder` may have it.
    fn judge(&self, holder: NodeIndex, target: &Target) -> Result<Rc<Built>, (Break, usize)> {
        let node = match target {
            Target::Broken(broken) => return Err((broken.clone(), 1)),
            Target::Node(node) => *node,
        };
        match &self.nodes[node].progress {
            Progress::Settled(Ok(built)) => {
                let chain = &self.nodes[holder].chain;
                let refusing = built.environments().find(|environment| !chain.is_admitted_by(environment));
                match refusing {
                    None => Ok(Rc::clone(built)),
                    Some(by) => Err((Break::At(Box::new(self.place(node)), chain.part_closed(by)), 1)),
                }
            }
            Progress::Settled(Err(fault)) => Err((Break::Via(node), fault.height + 1)),
            Progress::Unseen | Progress::Located | Progress::Open => {
                unreachable!("a frame is left only when all it refers to is settled")
            }
        }
    }

    /// The value of a frame whose references came to `used`.
    fn join(&mut self, frame: &Frame, used: &[Rc<Built>]) -> Step<Outcome, S> {
        let Node { chain, hit, .. } = &self.nodes[frame.node];
        let hit = hit.as_ref().expect("only a name that was found is opened");
        let mut built = Built::leaf(&hit.facts, None, Rc::clone(chain), hit.level);
        for part in used {
            built.absorb(part);
        }
        if built.height > MAX_REFERENCE_DEPTH {
            return Ok(Err(Rc::new(Fault::here(Reason::TooDeep))));
        }
        built.finish_parts();
        self.charge(built.overhead())?;
        if used.iter().any(|part| part.bytes.is_none()) {
            return Ok(Ok(Rc::new(built)));
        }
        let pieces = pieces(frame, used);
        let length = pieces.iter().map(|piece| piece.len()).sum();
        if length > MAX_VALUE_LEN {
            return Ok(Err(Rc::new(Fault::here(Reason::TooLarge))));
        }
        self.charge(length)?;
        // One allocation of the right size: growing would leave copies of the plaintext behind.
        let mut bytes = Vec::with_capacity(length);
        for piece in pieces {
            bytes.extend_from_slice(piece);
        }
        built.bytes = Some(Rc::new(Secret::new(bytes)));
        Ok(Ok(Rc::new(built)))
    }
}

/// The bytes that make up a frame's value, in order.
fn pieces<'a>(frame: &'a Frame, used: &'a [Rc<Built>]) -> Vec<&'a [u8]> {
    let text = frame.bytes.expose();
    let mut used = used.iter();
    let piece = |segment: &Segment| match segment {
        Segment::Literal(range) => &text[range.clone()],
        Segment::Reference(_) => used.next().and_then(|built| built.bytes.as_ref()).map_or(&[][..], |b| b.expose()),
    };
    frame.template.segments().iter().map(piece).collect()
}
