/** Which browser, on which system, in words; from what it says of itself. */

const browsers: [RegExp, string][] = [
    [/\bEdg(?:e|A|iOS)?\//, "Edge"], [/\bOPR\//, "Opera"], [/\bSamsungBrowser\//, "Samsung Internet"], [/\bFirefox\/|\bFxiOS\//, "Firefox"],
    [/(?:\b|Headless)Chrome\/|\bCriOS\//, "Chrome"], [/\bVersion\/.*\bSafari\//, "Safari"], [/^curl\//, "curl"], [/^python-requests\//, "Python"],
];

const systems: [RegExp, string][] = [
    [/\biPhone\b/, "iPhone"], [/\biPad\b/, "iPad"], [/\bAndroid\b/, "Android"], [/\bWindows\b/, "Windows"],
    [/\bMac OS X\b|\bMacintosh\b/, "macOS"], [/\bCrOS\b/, "ChromeOS"], [/\bLinux\b/, "Linux"],
];

export function describeAgent(agent: string | undefined): string {
    const text = agent ?? "";
    const browser = browsers.find(([pattern]) => pattern.test(text))?.[1];
    const system = systems.find(([pattern]) => pattern.test(text))?.[1];
    if (browser) return system ? `${browser} on ${system}` : browser;
    return system ?? (text === "" ? "An unknown program" : text.slice(0, 60));
}
