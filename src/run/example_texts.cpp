#include "attnviz/survey.h"

namespace attnviz {

// Written for this purpose. They differ from their first words on, since what they have in common
// at the start would make every head look alike there.
const std::vector<SurveyText>& example_texts() {
  static const std::vector<SurveyText> texts = {
      {"prose: harbour",
       "By the time the ferry had tied up, the rain was over and the harbour smelled of tar and "
       "wet "
       "rope. Marta counted the crates as they came down the ramp, and twice she lost her place, "
       "because the boy who carried them would not stop whistling. When the last crate was ashore "
       "she signed the paper, folded it into her glove and asked him where he had learned that "
       "tune."},
      {"prose: letter",
       "Dear Aunt, thank you for the parcel, which arrived on Tuesday with only one jar broken. "
       "The "
       "plums were better than any we have had here, and the children have already eaten most of "
       "them. You ask how the roof is. It leaks where it always leaked, above the stairs, but the "
       "new bucket is larger and we sleep through the night. Write soon and tell us of the "
       "garden."},
      {"verse",
       "The miller's wheel goes round and round,\nThe water falls, the corn is ground,\n"
       "And all day long there is no sound\nBut water, wheel and stone.\n"
       "The miller's daughter spins her thread,\nThe moon comes up above her head,\n"
       "The miller's wheel goes round, she said,\nAnd I go round alone.\n"},
      {"code: loop",
       "def count_words(lines):\n    counts = {}\n    for line in lines:\n"
       "        for word in line.split():\n            word = word.lower().strip('.,')\n"
       "            counts[word] = counts.get(word, 0) + 1\n    return counts\n\n"
       "counts = count_words(open('notes.txt'))\nfor word in sorted(counts):\n"
       "    print(word, counts[word])\n"},
      {"code: C",
       "int largest(const int *values, int n) {\n  int best = values[0];\n"
       "  for (int i = 1; i < n; i++) {\n    if (values[i] > best) {\n      best = values[i];\n"
       "    }\n  }\n  return best;\n}\n"},
      {"list",
       "Things to bring:\n- two warm blankets\n- a kettle and four cups\n- matches, in a tin\n"
       "- rope, ten metres\n- a map of the coast\n- bread, cheese and apples\n- a lamp and oil for "
       "it\n- needle, thread and a few buttons\n- something to read when it rains\n"},
      {"recipe",
       "Peel four potatoes and cut them into slices as thin as a coin. Heat the oil, but do not "
       "let "
       "it smoke. Lay the slices side by side, salt them, turn them when the edges are brown, and "
       "salt them again. Beat three eggs with a spoon of milk, pour them over the potatoes, cover "
       "the pan and wait until the middle no longer shakes. Serve it at once, with bread."},
      {"dialogue",
       "\"Did you lock the door?\" said Anna.\n\"I thought you had locked it,\" said Peter.\n"
       "\"I asked you to lock it before we left.\"\n\"You asked me to feed the cat before we "
       "left.\"\n\"And did you feed the cat?\"\n\"I thought,\" said Peter, \"that you had fed the "
       "cat.\"\nThey looked at each other, and turned the car around.\n"},
      {"numbers",
       "1 2 3 4 5 6 7 8 9 10 11 12, 2 4 6 8 10 12 14 16 18 20 22 24, 3 6 9 12 15 18 21 24 27 30 33 "
       "36, 4 8 12 16 20 24 28 32 36 40 44 48, 5 10 15 20 25 30 35 40 45 50 55 60."},
      {"table",
       "station   opened   platforms   trains a day\nOakfield   1871   2   34\nLower Dean   1874   "
       "1 "
       "  12\nBridge End   1874   3   58\nSaltmouth   1880   4   71\nWest Quay   1902   1   9\n"},
      {"news",
       "Councillors voted on Monday evening to keep the old library open until the spring, after "
       "more than two hundred residents had signed a petition. The building needs a new roof, "
       "which "
       "the town says it cannot pay for this year. A spokesman for the petitioners said that they "
       "would raise a third of the money themselves if the council found the rest."},
      {"science",
       "Sound travels faster in water than in air because water is much harder to compress. A wave "
       "of pressure that needs almost three seconds for a kilometre of air crosses a kilometre of "
       "water in less than one. Whales, which hear each other over hundreds of kilometres, depend "
       "on "
       "it; so do the ships that listen for them."},
      {"law",
       "Section 4. The tenant shall return the keys on the last day of the lease. If the tenant "
       "does "
       "not return the keys, the landlord may change the locks, and the tenant shall pay for the "
       "change. Section 5. The landlord shall return the deposit within thirty days. If the "
       "landlord "
       "does not return the deposit, the tenant may claim twice the sum."},
      {"instructions",
       "To set the clock, hold the left button until the hours blink. Press the right button until "
       "the hour is correct, then press the left button once, and the minutes blink. Press the "
       "right "
       "button until the minutes are correct. To leave, press both buttons together. If no button "
       "is "
       "pressed for a minute, the clock leaves by itself and forgets what was set."},
      {"names",
       "Old Mr Kessler had three sons, Jakob, Anton and Emil. Jakob married a Weber from the upper "
       "village, and Anton married her sister; Emil did not marry. When old Mr Kessler died, Jakob "
       "took the mill and Anton took the inn, and Emil, who had wanted neither, took the dog and "
       "went to live above the Webers' bakery."},
      {"chat",
       "ok so the train is late again, no idea how long\nare you still at work?\nyes until six i "
       "think\nthen wait for me there, i come by bike\nit is raining\ni know it is raining, i have "
       "a "
       "coat\nyou also have a cold\nthe cold is gone. mostly gone. see you at six\nsee you at six, "
       "bring the key\n"},
  };
  return texts;
}

}  // namespace attnviz
