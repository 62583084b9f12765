/** What the fake model says, call by call. */
export const turns = [
  { when: 'into French', text: 'Le bac part à neuf heures.', usage: { input: 31, output: 9 } },
  { when: 'into Danish', text: 'Færgen sejler klokken ni.', usage: { input: 32, output: 10 } },
  { when: 'a sailor', text: 'The Danish one, in these waters.', usage: { input: 58, output: 8 } },
]
