//! Even choices out of random bytes.

use zeroize::Zeroizing;

use crate::keys::KeyError;

/// Fills a buffer with random bytes.
pub type Fill<'a> = dyn FnMut(&mut [u8]) -> Result<(), KeyError> + 'a;

/// Bytes asked of the generator at once.
const BLOCK: usize = 64;
/// A generator whose numbers are refused this often in a row (each time with less than one half) is broken.
const TRIES: usize = 128;

/// Draws from a generator, in blocks that are wiped.
pub(super) struct Draw<'a, 'f> {
    fill: &'a mut Fill<'f>,
    block: Zeroizing<[u8; BLOCK]>,
    used: usize,
}

impl<'a, 'f> Draw<'a, 'f> {
    pub(super) fn new(fill: &'a mut Fill<'f>) -> Self {
        Self { fill, block: Zeroizing::new([0; BLOCK]), used: BLOCK }
    }

    /// `N` random bytes.
    pub(super) fn bytes<const N: usize>(&mut self) -> Result<Zeroizing<[u8; N]>, KeyError> {
        let mut out = Zeroizing::new([0; N]);
        self.fill_all(&mut *out)?;
        Ok(out)
    }

    /// Random bytes for all of `out`.
    pub(super) fn fill_all(&mut self, out: &mut [u8]) -> Result<(), KeyError> {
        for byte in out {
            if self.used == BLOCK {
                (self.fill)(&mut *self.block)?;
                self.used = 0;
            }
            *byte = std::mem::take(&mut self.block[self.used]);
            self.used += 1;
        }
        Ok(())
    }

    /// A number below `n`, each as likely as any other. `n` is not zero.
    pub(super) fn below(&mut self, n: u32) -> Result<u32, KeyError> {
        // Of 2^32 numbers the last `2^32 mod n` would favour the small ones: they are drawn again.
        let uneven = (u32::MAX % n + 1) % n;
        for _ in 0..TRIES {
            let number = u32::from_le_bytes(*self.bytes::<4>()?);
            if number <= u32::MAX - uneven {
                return Ok(number % n);
            }
        }
        Err(KeyError::Randomness)
    }

    /// One of `of`, which is not empty.
    pub(super) fn one<'s, T>(&mut self, of: &'s [T]) -> Result<&'s T, KeyError> {
        let n = u32::try_from(of.len()).map_err(|_| KeyError::Randomness)?;
        let index = usize::try_from(self.below(n.max(1))?).map_err(|_| KeyError::Randomness)?;
        of.get(index).ok_or(KeyError::Randomness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives these numbers, and fails after them.
    fn numbers(numbers: &[u32]) -> impl FnMut(&mut [u8]) -> Result<(), KeyError> + use<> {
        let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        let mut blocks = bytes.chunks(BLOCK).map(<[u8]>::to_vec).collect::<Vec<_>>().into_iter();
        move |out| {
            let block = blocks.next().ok_or(KeyError::Randomness)?;
            out[..block.len()].copy_from_slice(&block);
            Ok(())
        }
    }

    #[test]
    fn numbers_that_would_favour_the_small_ones_are_drawn_again() {
        // 2^32 = 3 * 1431655765 + 1: only the very last number is uneven.
        let mut fill = numbers(&[u32::MAX, u32::MAX - 1, 4]);
        let mut draw = Draw::new(&mut fill);
        assert_eq!(draw.below(3).unwrap(), (u32::MAX - 1) % 3);
        assert_eq!(draw.below(3).unwrap(), 1);
        // 2^32 is a multiple of 256: nothing is uneven.
        let mut fill = numbers(&[u32::MAX]);
        assert_eq!(Draw::new(&mut fill).below(256).unwrap(), 255);
    }

    #[test]
    fn a_generator_that_is_stuck_is_an_error_and_no_endless_loop() {
        let mut stuck = |out: &mut [u8]| {
            out.fill(0xff);
            Ok(())
        };
        assert!(matches!(Draw::new(&mut stuck).below(3), Err(KeyError::Randomness)));
        let mut fails = |_: &mut [u8]| Err(KeyError::Randomness);
        assert!(Draw::new(&mut fails).bytes::<1>().is_err());
    }
}
