#!/bin/sh
# Makes the spoken prompts anew, in the folder that this script lies in: `./make.sh`.
# Needs espeak-ng and sox (Debian: apt-get install espeak-ng sox). Commit what it makes.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

# say VOICE FOLDER/NAME TEXT: 8 kHz µ-law, the band of a telephone, one loudness, no silence around it.
say() {
    mkdir -p "$(dirname "$2")"
    espeak-ng -v "$1" -s 170 -p 42 -w "$work/spoken.wav" "$3"
    sox "$work/spoken.wav" -r 8000 -c 1 -e mu-law "$2.wav" norm -4 highpass 200 lowpass 3400 \
        silence 1 0.01 1% reverse silence 1 0.01 1% reverse
}

en() { say en-gb "en/$1" "$2"; }
de() { say de "de/$1" "$2"; }

en please-hold 'One moment, please.'
en all-busy 'Everybody is busy at the moment. Please hold the line.'
en you-are-number 'You are number'
en in-the-queue 'in the queue.'
en leave-a-message 'Please leave a message after the tone.'
en nobody-available 'Nobody can take your call at the moment.'
en recorded 'This call may be recorded.'
en press-1-to-accept 'You have a call. To take it, press one.'
en not-a-choice 'That is not a choice. Please try again.'
en closed 'We are closed at the moment. Please call again later.'
en goodbye 'Thank you. Goodbye.'
en agent-available 'You are available.'
en agent-on-break 'You are on a break.'
en agent-signed-out 'You are signed out.'
en agent-as-before 'Nothing was changed.'

de please-hold 'Einen Moment, bitte.'
de all-busy 'Im Moment sind alle im Gespräch. Bitte bleiben Sie am Apparat.'
de you-are-number 'Sie sind Nummer'
de in-the-queue 'in der Warteschlange.'
de leave-a-message 'Bitte sprechen Sie nach dem Ton.'
de nobody-available 'Im Moment ist niemand zu erreichen.'
de recorded 'Dieses Gespräch kann aufgezeichnet werden.'
de press-1-to-accept 'Sie haben einen Anruf. Zum Annehmen drücken Sie die Eins.'
de not-a-choice 'Das steht nicht zur Wahl. Bitte versuchen Sie es noch einmal.'
de closed 'Wir haben gerade geschlossen. Bitte rufen Sie später wieder an.'
de goodbye 'Vielen Dank. Auf Wiederhören.'
de agent-available 'Sie sind bereit.'
de agent-on-break 'Sie haben Pause.'
de agent-signed-out 'Sie sind abgemeldet.'
de agent-as-before 'Es wurde nichts geändert.'

for number in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 30 40 50 60 70 80 90; do
    en "number-$number" "$number"
    de "number-$number" "$number"
done
# What stands between: "two hundred and seven", "zwei-hundert-ein-und-zwanzig".
en number-hundred 'hundred'
en number-and 'and'
de number-hundred 'hundert'
de number-and 'und'
de number-ein 'ein'
