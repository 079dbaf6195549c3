use affiant::document::*;
use std::collections::{BTreeMap, HashMap};
use std::time::Instant;
fn words(t: &str) -> Vec<String> {
    t.split_whitespace().map(|w| w.to_lowercase()).collect()
}
fn f1<T: std::hash::Hash + Eq>(a: Vec<T>, b: Vec<T>) -> f64 {
    let (na, nb) = (a.len() as f64, b.len() as f64);
    let mut m: HashMap<T, i64> = HashMap::new();
    for x in a {
        *m.entry(x).or_default() += 1;
    }
    let mut c = 0.0;
    for x in b {
        if let Some(v) = m.get_mut(&x) {
            if *v > 0 {
                *v -= 1;
                c += 1.0;
            }
        }
    }
    if na + nb == 0.0 { 1.0 } else { 2.0 * c / (na + nb) }
}
fn bi(w: &[String]) -> Vec<(String, String)> {
    w.windows(2).map(|p| (p[0].clone(), p[1].clone())).collect()
}
fn csvline(l: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut q = false;
    for c in l.chars() {
        match c {
            '"' => q = !q,
            ',' if !q => out.push(String::new()),
            c => out.last_mut().unwrap().push(c),
        }
    }
    out
}
fn rss() -> u64 {
    std::fs::read_to_string("/proc/self/status")
        .unwrap()
        .lines()
        .find(|l| l.starts_with("VmHWM"))
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap()
}
fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args.len() > 1 && args[1] != "all" {
        // one file: text out
        let bytes = std::fs::read(&args[1]).unwrap();
        let pw = args.get(2).map(|s| s.as_str()).filter(|s| !s.is_empty());
        let t = Instant::now();
        let r = parse(&bytes, &args[1], &ParseOptions { password: pw, deadline: None });
        let el = t.elapsed();
        match r {
            Ok(p) => {
                for g in &p.pages {
                    println!("--- page {} {:?}\n{}", g.page, g.origin, g.text);
                }
                for h in &p.headings {
                    let t = &p.pages[h.page as usize - 1].text;
                    println!(
                        "H{} p{} {}",
                        h.level,
                        h.page,
                        affiant::domain::document::slice_chars(t, h.start, h.end).unwrap()
                    );
                }
                for w in &p.warnings {
                    println!("W {:?}", w);
                }
                println!("title {:?} {:?} rss {} kB", p.title, el, rss());
                if args.get(3).is_some() {
                    let c = |t: &str| t.split_whitespace().count() * 4 / 3 + 2;
                    for x in passages(
                        &p,
                        affiant::domain::ids::DocumentId::of(b"x"),
                        affiant::domain::ids::Generation(1),
                        256,
                        &c,
                    ) {
                        println!(
                            "P{} {:?} {:?} [{}]\n{}\n",
                            x.ordinal,
                            x.spans,
                            x.headings,
                            c(&x.text),
                            x.text
                        );
                    }
                }
            }
            Err(e) => println!("ERR {e} {el:?} rss {} kB", rss()),
        }
        return;
    }
    let root = std::env::var("AFFIANT_EVAL").unwrap() + "/pdf/";
    let text = std::fs::read_to_string(root.clone() + "manifest.csv").unwrap();
    let mut lines = text.lines();
    let head = csvline(lines.next().unwrap());
    let col = |n: &str| head.iter().position(|h| h == n).unwrap();
    let mut by: BTreeMap<String, Vec<(f64, f64, String)>> = BTreeMap::new();
    let (mut slow, mut pages, mut busy) = ((0.0, String::new()), 0usize, 0.0);
    for l in lines {
        let c = csvline(l);
        let file = &c[col("file")];
        let cat = c[col("category")].clone();
        let bytes = std::fs::read(root.clone() + file).unwrap();
        let pws: Vec<String> = if cat == "encrypted" {
            let p = c[col("password")].clone();
            let mut v = vec![String::new()];
            v.extend(p.split(" / ").map(|s| s.split(" (").next().unwrap().to_string()));
            v
        } else {
            vec![String::new()]
        };
        for pw in pws {
            let before = rss();
            let t = Instant::now();
            let r = parse(
                &bytes,
                file,
                &ParseOptions {
                    password: Some(pw.as_str()).filter(|s| !s.is_empty()),
                    deadline: None,
                },
            );
            let s = t.elapsed().as_secs_f64();
            if s > slow.0 {
                slow = (s, file.clone());
            }
            let grow = rss().saturating_sub(before);
            match r {
                Ok(p) => {
                    if cat == "contract" {
                        pages += p.pages.len();
                        busy += s;
                    }
                    let ours: String = p.pages.iter().map(|p| p.text.clone() + "\n").collect();
                    let w = words(&ours);
                    let mut best: Option<(f64, f64)> = None;
                    for k in ["gold", "reference"] {
                        let f = &c[col(k)];
                        if f.is_empty() {
                            continue;
                        }
                        let Ok(raw) = std::fs::read(root.clone() + f) else { continue };
                        let t = String::from_utf8_lossy(&raw).into_owned();
                        let g = words(&t);
                        if g.is_empty() {
                            continue;
                        }
                        let s = (f1(w.clone(), g.clone()), f1(bi(&w), bi(&g)));
                        if best.is_none_or(|b| s.0 + s.1 > b.0 + b.1) {
                            best = Some(s)
                        }
                    }
                    let kinds: Vec<String> =
                        p.warnings.iter().map(|w| format!("{:?}", w.kind)).collect();
                    let mut k = kinds.clone();
                    k.sort();
                    k.dedup();
                    println!(
                        "{cat:16} OK  {:>5} pages {:>7} chars {s:6.2}s +{grow}kB {:?} {:?} {file} {pw:?}",
                        p.pages.len(),
                        ours.chars().count(),
                        best.map(|b| (
                            (b.0 * 1000.0).round() / 1000.0,
                            (b.1 * 1000.0).round() / 1000.0
                        )),
                        k
                    );
                    if let Some(b) = best {
                        by.entry(cat.clone()).or_default().push((b.0, b.1, file.clone()));
                    }
                }
                Err(e) => println!(
                    "{cat:16} ERR {:14} {s:6.2}s +{grow}kB poppler {} {file} {pw:?} | {} | expected {}",
                    e.reason.as_str(),
                    c[col("pdftotext_chars")],
                    e.detail,
                    c[col("expected")]
                ),
            }
        }
    }
    for (c, mut v) in by {
        let mut f: Vec<f64> = v.iter().map(|x| x.0).collect();
        f.sort_by(f64::total_cmp);
        let mut b: Vec<f64> = v.iter().map(|x| x.1).collect();
        b.sort_by(f64::total_cmp);
        v.sort_by(|a, b| a.0.total_cmp(&b.0));
        println!(
            "{c:16} n={:2} tokenF1 median {:.3} bigram median {:.3} worst {:.3} ({:.3}) {}",
            f.len(),
            f[f.len() / 2],
            b[b.len() / 2],
            f[0],
            b[0],
            v[0].2
        );
    }
    println!(
        "contract pages {pages} in {busy:.2}s = {:.0}/s; slowest {:?}; peak rss {} kB",
        pages as f64 / busy,
        slow,
        rss()
    );
}
