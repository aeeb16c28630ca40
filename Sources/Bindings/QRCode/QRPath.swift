extension QRSymbol {
    /// The dark modules as SVG path data, one module a unit, from the top left module at 0 0.
    public var path: String {
        var path = ""
        for row in 0..<side {
            var column = 0
            while column < side {
                guard isDark(column: column, row: row) else {
                    column += 1
                    continue
                }
                var end = column
                while isDark(column: end, row: row) { end += 1 }
                path += "M\(column) \(row)h\(end - column)v1h-\(end - column)z"
                column = end
            }
        }
        return path
    }
}
