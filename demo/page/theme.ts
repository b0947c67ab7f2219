/** Light and dark: what the system asks for, until the visitor chooses; the choice is kept for his next visit. */
const KEY = 'gavelcast-theme';

/** Applies the kept choice and makes the button switch. */
export function installTheme(button: HTMLElement): void {
  const root = document.documentElement;
  const system = window.matchMedia('(prefers-color-scheme: dark)');
  const isDark = (): boolean =>
    (root.dataset['theme'] ?? (system.matches ? 'dark' : 'light')) === 'dark';
  const label = (): void => {
    button.setAttribute('aria-label', isDark() ? 'Switch to light' : 'Switch to dark');
  };
  const kept = localStorage.getItem(KEY);
  if (kept !== null) root.dataset['theme'] = kept;
  label();
  system.addEventListener('change', label);
  button.addEventListener('click', () => {
    const theme = isDark() ? 'light' : 'dark';
    root.dataset['theme'] = theme;
    localStorage.setItem(KEY, theme);
    label();
  });
}
