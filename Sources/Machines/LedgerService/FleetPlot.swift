/// Bars, one for each value, as SVG without a word in it: the drawing stretches to any width, the
/// words around it are text of the page and keep their size.
struct FleetPlot {
    let id: String
    let title: String
    /// Cents; below zero is drawn as nothing.
    let values: [Int64]
    /// Names of the first and the last bar.
    let from: String
    let to: String
    let words: FleetWords

    /// Height of the drawing in its own units.
    private static let height: Int64 = 1_000

    var figure: HTML {
        let highest = values.max() ?? 0
        let description = words(
            "volumes.desc", ["from": from, "to": to, "max": words.money(max(0, highest))])
        let bars = values.enumerated().map { index, value -> HTML in
            let tall = Self.tall(value, of: highest)
            return HTML(
                "rect",
                [
                    "x": "\(index * 10 + 1)", "y": "\(Self.height - tall)", "width": "8",
                    "height": "\(tall)",
                ], [])
        }
        return HTML(
            "figure",
            [
                HTML("figcaption", title),
                HTML(
                    "svg",
                    [
                        "class": "plot",
                        "viewBox": "0 0 \(max(1, values.count) * 10) \(Self.height)",
                        "preserveAspectRatio": "none", "role": "img",
                        "aria-labelledby": "\(id)-title \(id)-desc",
                    ],
                    [
                        HTML("title", ["id": "\(id)-title"], title),
                        HTML("desc", ["id": "\(id)-desc"], description),
                    ] + bars),
                HTML(
                    "div", ["class": "scale"],
                    [
                        HTML("span", from), HTML("span", "max. " + words.money(max(0, highest))),
                        HTML("span", to),
                    ]),
            ])
    }

    /// A bar's height: whole numbers only, and no bar of a day with sales vanishes.
    static func tall(_ value: Int64, of highest: Int64) -> Int64 {
        guard value > 0, highest > 0 else { return 0 }
        let (product, isOver) = value.multipliedReportingOverflow(by: height)
        return max(4, isOver ? height : product / highest)
    }
}
