import Foundation
import Operations
import Terminal
import Testing
import WebDriver

/// Each rule finds the defect that is planted for it: a check that cannot fail proves nothing.
@Suite(.serialized, .enabled(if: Browser.isInstalled)) struct PlantedDefectTests {
    struct Defect: Sendable, CustomTestStringConvertible {
        let name: String
        let rule: PageChecks.Rule
        let script: String
        var testDescription: String { name }
    }

    static let defects = [
        Defect(
            name: "a wide line", rule: .overflow,
            script: "find('#pay-headline').textContent = 'Kartenzahlungsaufforderung'.repeat(3)"),
        Defect(
            name: "a high block", rule: .overflow,
            script: "find('#pay-headline').style.paddingTop = '30rem'"),
        Defect(
            name: "text of 17 px", rule: .textSize,
            script: "find('#left').style.fontSize = '17px'"),
        Defect(
            name: "a button of 60 px", rule: .target,
            script: "Object.assign(find('.pay [data-act=cancel]').style, "
                + "{minHeight: '0', height: '60px'})"),
        Defect(
            name: "pale words", rule: .contrast,
            script: "find('.pay .label').style.color = '#8f8f8f'"),
        Defect(
            name: "a pale ground", rule: .contrast,
            script: "find('.pay [data-act=cancel]').style.background = 'rgb(20 20 20 / 70%)'"),
        Defect(
            name: "an amount of contrast 5", rule: .amountContrast,
            script: "find('#pay-amount').style.color = '#6b6b6b'"),
        Defect(
            name: "a button without a name", rule: .name,
            script: "find('.pay [data-act=cancel] span').textContent = ''"),
        Defect(
            name: "buttons that touch", rule: .distance,
            script: "find('#pay-acts').style.gap = '2px'"),
        Defect(
            name: "a button whose focus is not seen", rule: .focus,
            script: "find('.pay [data-act=cancel]').style.outline = 'none'"),
        Defect(
            name: "a stage that is not said", rule: .live,
            script: "find('#say').textContent = ''"),
    ]

    @Test func `Each planted defect is found by its rule, and by no other before it`() throws {
        let page = try PageSession()
        #expect(Set(Self.defects.map(\.rule)) == Set(PageChecks.Rule.everywhere))
        try page.show(.presentCard(Samples.armed()))
        for defect in Self.defects {
            let before = try PageChecks.faults(page.browser)
            #expect(before == [], "before \(defect.name)")
            try page.browser.run(
                "const find = s => document.querySelector(s); \(defect.script)")
            let rules = try PageChecks.faults(page.browser).map(\.rule)
            #expect(rules.contains(defect.rule), "\(defect.name)")
            try page.browser.reload()
            try #require(try page.waitForPage())
        }
    }

    @Test func `A defect planted on a panel is found too`() throws {
        let page = try PageSession()
        try page.openPanel("menu", from: ".ready [data-act='menu']")
        try page.openPanel("role", from: "[data-value='role']")
        for (rule, script) in [
            (PageChecks.Rule.overflow, "find('#form-choices button').textContent = 'W'.repeat(20)"),
            (.textSize, "find('#form-label').style.fontSize = '17px'"),
            (
                .target,
                "Object.assign(find('#form-choices button').style, "
                    + "{minHeight: '0', height: '50px'})"
            ),
        ] {
            let before = try PageChecks.faults(page.browser)
            #expect(before == [], "before \(rule)")
            try page.browser.run("const find = s => document.querySelector(s); \(script)")
            #expect(try PageChecks.faults(page.browser).map(\.rule).contains(rule), "\(rule)")
            try page.browser.reload()
            try #require(try page.waitForPage())
        }
    }
}
