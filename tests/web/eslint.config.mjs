import js from "@eslint/js";
import globals from "globals";

export default [
  js.configs.recommended,
  {
    languageOptions: { globals: globals.browser },
    rules: {
      eqeqeq: "error",
      "no-var": "error",
      "prefer-const": "error",
      "no-implied-eval": "error",
      // What comes from a station must not become markup.
      "no-restricted-properties": ["error", { property: "innerHTML" }, { property: "insertAdjacentHTML" }],
    },
  },
];
