// SPDX-License-Identifier: GPL-2.0-or-later

// Generic code, closures, traits, and collections of the standard library.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

trait Area {
    fn area(&self) -> f64;
}

struct Square(f64);
struct Circle {
    radius: f64,
}

impl Area for Square {
    fn area(&self) -> f64 {
        self.0 * self.0
    }
}

impl Area for Circle {
    fn area(&self) -> f64 {
        3.14 * self.radius * self.radius
    }
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "circle of {}", self.radius)
    }
}

mod numbers {
    #[inline(always)]
    pub fn mix(mut x: u64) -> u64 {
        x ^= x >> 13;
        x.wrapping_mul(0x9e3779b97f4a7c15)
    }

    pub fn sort<T: PartialOrd + Copy>(list: &mut Vec<T>) {
        list.sort_by(|a, b| a.partial_cmp(b).unwrap());
    }
}

fn total(shapes: &[Box<dyn Area>]) -> f64 {
    shapes.iter().map(|s| s.area()).sum()
}

fn main() {
    let n = std::env::args().count() as u64;
    let mut shapes: Vec<Box<dyn Area>> = Vec::new();
    let mut words: HashMap<u64, Vec<String>> = HashMap::new();
    let mut tree = BTreeMap::new();
    let mut list = Vec::new();

    for i in 0..50 {
        let x = numbers::mix(i + n);
        if x % 2 == 0 {
            shapes.push(Box::new(Square(i as f64)));
        } else {
            shapes.push(Box::new(Circle { radius: i as f64 }));
        }
        words.entry(x % 5).or_default().push(format!("{:x}", x));
        tree.insert(x, i);
        list.push(x as f64);
    }
    numbers::sort(&mut list);
    println!("{} {} {:?}", total(&shapes), Circle { radius: list[0] }, tree.iter().next());
    println!("{}", words.values().map(|w| w.concat().len()).sum::<usize>());
}
