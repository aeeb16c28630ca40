/// The rules of UX.md §1.5, measured in the page as it is drawn.
public enum PageChecks {
    /// A rule.
    public enum Rule: String, CaseIterable, Sendable {
        case overflow, textSize, target, contrast, amountContrast, name, distance, focus, live
        /// Of the customer display alone: read from a metre, in its direction, with every glyph.
        case far, direction, glyph

        /// Those of every page.
        public static let everywhere = allCases.filter { ![.far, .direction, .glyph].contains($0) }
    }

    /// Something that breaks a rule.
    public struct Fault: Equatable, CustomStringConvertible {
        /// Which one.
        public let rule: Rule
        /// The element, its first words and the measure.
        public let detail: String
        /// For a person.
        public var description: String { "\(rule.rawValue): \(detail)" }
    }

    /// Everything wrong with what is shown now, and a picture of it under this name.
    public static func faults(
        _ browser: Browser, client: Bool = false, picture: String? = nil
    ) throws -> [Fault] {
        let script = client ? clientScript : script
        // A key stays pressed for a moment after the finger has left.
        _ = try browser.waitUntil("!document.querySelector('button:active')")
        if let picture { try browser.record(picture) }
        let found = try browser.run(script) as? [[String]] ?? [["name", "the check did not run"]]
        if let picture, !found.isEmpty { try browser.photograph(picture) }
        return found.compactMap { pair in
            Rule(rawValue: pair[0]).map { Fault(rule: $0, detail: pair[1]) }
        }
    }

    private static let script = measures + overflow + sizes + contrasts + access + "return faults;"
    private static let clientScript =
        measures + overflow + sizes + contrasts + access + person + "return faults;"

    private static let measures = """
        const faults = [];
        const fault = (rule, element, detail) => faults.push([rule, [
          element.tagName.toLowerCase(), element.id && '#' + element.id,
          String(element.className?.baseVal ?? element.className).split(' ').map(c => '.' + c)[0],
          ' ', element.textContent?.slice(0, 30), ' ', detail].join('')]);
        const seen = [...document.querySelectorAll('body *')].filter(element =>
          element.checkVisibility({visibilityProperty: true}) &&
          !element.closest('.unseen, .sprite, svg *, template'));
        const box = element => element.getBoundingClientRect();
        const style = element => getComputedStyle(element);

        """

    private static let overflow = """
        const root = document.documentElement;
        if (root.scrollWidth > innerWidth) fault('overflow', root, 'width ' + root.scrollWidth);
        if (root.scrollHeight > innerHeight) fault('overflow', root, 'height ' + root.scrollHeight);
        for (const element of seen) {
          const {left, top, right, bottom} = box(element);
          if (left < -1 || top < -1 || right > innerWidth + 1 || bottom > innerHeight + 1)
            fault('overflow', element, [left, top, right, bottom].map(Math.round).join(' '));
          const cuts = !['inline', 'contents'].includes(style(element).display) &&
            element.clientWidth > 0 && !element.closest('.merchant');
          if (cuts && element.scrollWidth > element.clientWidth + 1)
            fault('overflow', element, 'inside ' + element.scrollWidth);
          if (cuts && element.scrollHeight > element.clientHeight + 1 &&
              style(element).overflowY !== 'visible')
            fault('overflow', element, 'inside, high ' + element.scrollHeight);
        }

        """

    private static let sizes = """
        const buttons = seen.filter(element => element.matches('button'));
        for (const button of buttons) {
          const {width, height} = box(button);
          if (width < 64 || height < 64)
            fault('target', button, [width, height].map(Math.round).join('x'));
          if (button.matches('.key') && (width < 96 || height < 72))
            fault('target', button, 'key ' + [width, height].map(Math.round).join('x'));
          if (button.matches('.charge') && height < 80) fault('target', button, 'charge ' + height);
          const label = button.ariaLabel || [...button.childNodes].filter(
            node => !node.ariaHidden || node.ariaHidden === 'false').map(
            node => node.textContent.trim()).join('');
          if (!label) fault('name', button, 'has no name');
        }
        for (const [index, one] of buttons.entries()) {
          for (const other of buttons.slice(index + 1)) {
            if (one.matches('.pills') || other.matches('.pills')) continue;
            const a = box(one), b = box(other);
            const across = Math.max(a.left, b.left) - Math.min(a.right, b.right);
            const down = Math.max(a.top, b.top) - Math.min(a.bottom, b.bottom);
            if (Math.max(across, down) < 7.9) fault('distance', one, other.textContent);
          }
        }

        """

    private static let contrasts = """
        const numbers = color => color.match(/[\\d.]+/g).map(Number);
        const over = (top, under) => {
          const alpha = top[3] ?? 1;
          return [0, 1, 2].map(i => top[i] * alpha + under[i] * (1 - alpha));
        };
        const back = element => {
          if (element === null) return [255, 255, 255];
          const color = numbers(style(element).backgroundColor);
          return (color[3] ?? 1) === 1 ? color : over(color, back(element.parentElement));
        };
        const light = color => {
          const [r, g, b] = color.map(c => c / 255).map(
            c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        for (const element of seen) {
          const words = [...element.childNodes].some(
            node => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
          if (!words) continue;
          const size = parseFloat(style(element).fontSize);
          if (size < 18) fault('textSize', element, size + 'px');
          const under = back(element);
          const [a, b] = [light(under), light(over(numbers(style(element).color), under))];
          const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
          if (ratio < 4.5) fault('contrast', element, ratio.toFixed(2));
          const isResult = '.amount, .result h1, .result .do, .pay h1, .headline, .scene .do';
          if (element.closest(isResult) && ratio < 7)
            fault('amountContrast', element, ratio.toFixed(2));
        }

        """

    /// What a keyboard and a screen reader need.
    private static let access = """
        for (const button of buttons) {
          if (button.disabled) continue;
          button.focus({focusVisible: true});
          const ring = style(button);
          if (ring.outlineStyle === 'none' || parseFloat(ring.outlineWidth) < 3)
            fault('focus', button, 'shows no focus');
          button.blur();
        }
        const told = [...document.querySelectorAll('[role=status][aria-live=polite], ' +
          '[role=alert][aria-live=assertive]')];
        if (told.length !== 2) fault('live', root, 'regions ' + told.length);
        if (!told.some(one => one.textContent.trim())) fault('live', root, 'says nothing');
        if (told.some(one => !one.checkVisibility())) fault('live', root, 'is hidden');
        if (!root.lang) fault('live', root, 'has no language');

        """

    /// The customer display alone.
    private static let person = """
        for (const element of seen) {
          if (!element.matches('.headline, .scene .do, .take span, .amount bdi')) continue;
          const size = parseFloat(style(element).fontSize);
          if (element.textContent && size < 40) fault('far', element, size + 'px');
        }
        const scene = document.querySelector('.scene');
        const below = seen.filter(element => element.matches('.take, .near'));
        for (const element of seen.filter(element => element.matches('.words > *'))) {
          const {top, bottom} = box(element);
          if (top < box(scene).top - 1 || bottom > box(scene).bottom + 1 ||
              below.some(other => bottom > box(other).top + 1))
            fault('overflow', element, 'covers something');
        }
        const direction = root.lang === 'ar' ? 'rtl' : 'ltr';
        if (style(root).direction !== direction) fault('direction', root, root.dir);
        for (const number of document.querySelectorAll('.amount .digits'))
          if (style(number).direction !== 'ltr' || number.localName !== 'bdi')
            fault('direction', number, 'number');
        const known = window.knownGlyphs ??= new Map();
        const canvas = new OffscreenCanvas(40, 40).getContext('2d', {willReadFrequently: true});
        const drawn = (letter, font) => {
          canvas.clearRect(0, 0, 40, 40);
          canvas.font = font;
          canvas.fillText(letter, 4, 30);
          return canvas.getImageData(0, 0, 40, 40).data.join();
        };
        for (const element of seen) for (const node of element.childNodes) {
          if (node.nodeType !== Node.TEXT_NODE) continue;
          const font = '24px ' + style(element).fontFamily;
          for (const letter of new Set(node.textContent)) {
            if (/\\s|\\p{Mark}|\\p{Format}/u.test(letter)) continue;
            const key = letter + font;
            if (!known.has(key))
              known.set(key, drawn(letter, font) === drawn('\\u{10FFFD}', font));
            if (known.get(key)) fault('glyph', element, letter);
          }
        }

        """
}
